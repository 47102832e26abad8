"""A request's body -> the bytes of a picture, sent as they are or as the field `image` of a form."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from pix2pix.pictures.codec import is_picture
from pix2pix.serve.errors import RequestError
from pix2pix.serve.uploads.limits import Limits

FORMATS = "PNG, JPEG, WebP, BMP, GIF or TIFF"
RAW = (
    *(f"image/{kind}" for kind in ("png", "jpeg", "webp", "bmp", "gif", "tiff")),
    "application/octet-stream",
)
FORM = "multipart/form-data"
FIELD = "image"
# What clients send where nobody names a type: curl --data-binary the first, many nothing at all.
_UNTYPED = ("application/x-www-form-urlencoded", "")
_HEAD_BYTES = 12  # show whether it is a picture


async def read_body(
    headers: Headers, stream: AsyncIterator[bytes], limits: Limits, hold: Callable[[int], None]
) -> bytes:
    """Return the bytes of the picture.

    `hold` is called with the number of bytes that are about to be kept, in all. Raises RequestError
    for a body of another kind, and for one that is too large or too slow.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (*RAW, FORM, *_UNTYPED):
        raise _other_kind(kind)
    length = headers.get("content-length", "")
    announced = int(length) if length.isdecimal() else 0
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in stream:
                count = len(body) + len(chunk)
                if max(announced, count) > limits.bytes:
                    raise _too_large(limits.bytes)
                hold(count)
                body += chunk
                if count >= _HEAD_BYTES:
                    _check_start(kind, body)
    except TimeoutError:
        raise RequestError(
            408, f"The picture did not arrive within {limits.seconds:g} seconds.", "Send it again."
        ) from None
    _check_start(kind, body)
    data = bytes(body)
    del body
    if kind != FORM:
        return data
    hold(2 * len(data))  # the picture is a copy of a part
    return await asyncio.to_thread(lambda: asyncio.run(_field(headers, data)))


def _check_start(kind: str, body: bytearray) -> None:
    """Where the client states no type, raise RequestError if the first bytes are not a picture's."""
    if kind in _UNTYPED and body and not is_picture(bytes(body[:_HEAD_BYTES])):
        raise _other_kind(kind)


async def _field(headers: Headers, body: bytes) -> bytes:
    """Return the file in the form's field."""

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, whole(), max_files=1, max_fields=8)
    parser.spool_max_size = len(body) + 1  # no temporary files: the body is in memory anyway
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestError(400, f"The form cannot be read: {error.message.rstrip('.')}.") from None
    try:
        if isinstance(file := form.get(FIELD), UploadFile):
            return await file.read()
    finally:
        await form.close()
    raise RequestError(400, f"The form has no file in a field '{FIELD}'.")


def _too_large(limit: int) -> RequestError:
    return RequestError(
        413,
        f"The body has more than {limit / 1e6:.0f} MB.",
        "Send a smaller picture, or one that is packed (PNG, JPEG, WebP).",
    )


def _other_kind(kind: str) -> RequestError:
    claim = f"claims to be '{kind}'" if kind else "states no type and does not begin like a picture"
    return RequestError(
        415,
        f"The body {claim}: wanted a picture ({FORMATS}).",
        "Send it as it is with a header such as 'Content-Type: image/png', or as the field "
        f"'{FIELD}' of a form.",
    )
