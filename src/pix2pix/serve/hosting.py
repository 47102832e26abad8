"""What is served: models under names, their cards for the page, and their examples as pictures."""

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pix2pix.errors import UserError
from pix2pix.model_file import Header, read_header
from pix2pix.page.card import Card, KnownPair, make_card, model_names
from pix2pix.page.examples import Example, ExamplePicture, find_examples, view_picture
from pix2pix.pictures.codec import to_bytes
from pix2pix.serve.errors import RequestError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hosted:
    """A model that is served; its weights need not be in memory."""

    path: Path
    header: Header
    card: Card
    examples: Sequence[Example]


def host(models: Sequence[Path], examples: Path | None = None, megapixels: float = 4.0) -> dict[str, Hosted]:
    """Return the models by name; raises UserError for a file that is none, or cannot be drawn for.

    Only headers are read. `examples` is a folder of known pairs, in place of those next to a model.
    Pages offer no squares above `megapixels`.
    """
    if examples is not None and len(models) > 1:
        raise UserError(
            f"--examples goes with one model, and there are {len(models)}.",
            "Put the pairs next to each model, in examples/source and examples/target.",
        )
    hosted: dict[str, Hosted] = {}
    for name, path in zip(model_names(models), models, strict=True):
        header = read_header(path)
        height, width = header.config.data.size
        if height * width > megapixels * 1e6:
            _log.warning(
                "note: the model '%s' learned at %d x %d px, more than --max-megapixels %g allows",
                name,
                width,
                height,
                megapixels,
            )
        pairs = find_examples(path, header.image, examples)
        card = _with_addresses(make_card(name, header, pairs), pairs, megapixels)
        hosted[name] = Hosted(path, header, card, pairs)
    return hosted


def example_png(picture: ExamplePicture, header: Header, *, target: bool) -> bytes:
    """Return a known picture as a page can show it; raises RequestError where its file cannot be read.

    A label map is shown in the colours of its classes, also where it holds their numbers.
    """
    try:
        return to_bytes(view_picture(picture, header.image, target=target), "png")
    except UserError as error:
        _log.warning("%s", error)
        raise RequestError(404, f"The picture '{picture.path.name}' cannot be shown.") from None


def example_digest(picture: ExamplePicture) -> str:
    """Return eight letters that change with the picture; none where it cannot be read."""
    try:
        return hashlib.sha256(picture.path.read_bytes()).hexdigest()[:8]
    except OSError:
        return ""


def _with_addresses(card: Card, examples: Sequence[Example], megapixels: float) -> Card:
    """Return the card with the addresses and the limit of a server."""
    fitting = math.isqrt(int(megapixels * 1e6)) // card.multiple_px * card.multiple_px
    base = f"api/models/{quote(card.name, safe='')}"

    def address(number: int, which: str, picture: ExamplePicture) -> str:
        return f"{base}/examples/{number}/{which}?digest={example_digest(picture)}"

    return card.model_copy(
        update={
            "translate": f"{base}/translate",
            "max_px": min(card.max_px, max(fitting, card.multiple_px)),
            "examples": tuple(
                KnownPair(
                    name=example.name,
                    source=address(number, "source", example.source),
                    target=address(number, "target", example.target) if example.target else None,
                )
                for number, example in enumerate(examples)
            ),
        }
    )
