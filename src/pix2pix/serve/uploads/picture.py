"""The bytes of a body -> a picture. What it costs is known from its first bytes, before it is unpacked."""

from collections.abc import Callable

from pix2pix.errors import UserError
from pix2pix.pictures.codec import Array
from pix2pix.pictures.formats.opening import FRAMES_HINT, Head, animation
from pix2pix.pictures.geometry import padded_size
from pix2pix.serve.errors import RequestError
from pix2pix.serve.uploads.body import FORMATS
from pix2pix.serve.uploads.decoders import CostlyPictureError, Decoders
from pix2pix.serve.uploads.limits import Limits

NAME = "The upload"


def read_picture(
    data: bytes, multiple: int, samples: int, limits: Limits, decoders: Decoders, hold: Callable[[int], None]
) -> Array:
    """Return (H, W, C) of a picture file; `multiple` is what the network's sides are multiples of.

    `hold` is called with the number of bytes that the picture may have, before it is decoded. Raises
    RequestError that says what is wrong with the picture.
    """

    def accept(head: Head) -> None:
        _check_size(head, multiple, samples, limits.megapixels)
        hold(head.height * head.width * max(8, 2 * head.channels))

    if not data:
        raise RequestError(400, "The body is empty: wanted a picture.")
    try:
        return decoders.read_bytes(data, NAME, accept, limits.decoding_seconds)
    except RequestError:
        raise
    except CostlyPictureError as error:
        raise RequestError(413, error.message, error.hint) from None
    except UserError as error:
        raise RequestError(400, error.message, f"Wanted: {FORMATS}.") from None


def _check_size(head: Head, multiple: int, samples: int, limit: float) -> None:
    """Raise RequestError for an animation, and for more megapixels than the limit after padding."""
    if head.frames > 1:
        raise RequestError(415, f"{animation(NAME, head)}: wanted one picture.", FRAMES_HINT)
    height, width = padded_size(head.height, head.width, multiple)
    megapixels = samples * height * width * max(1, head.channels / 4) / 1e6  # of four channels
    if megapixels <= limit:
        return
    channels = f" and {head.channels} channels" if head.channels > 4 else ""
    times = f" and {samples} variants" if samples > 1 else ""
    raise RequestError(
        413,
        f"{NAME} is {head.width} x {head.height} px. With its sides filled up to what the network takes "
        f"({width} x {height}){channels}{times} that makes {megapixels:.1f} megapixels: more than the limit "
        f"of {limit:g}.",
        "Send a smaller one" + (", or request fewer variants." if samples > 1 else "."),
    )
