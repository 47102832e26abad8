"""What programs show of a link to an exported page: a title, a sentence, a picture of an example."""

from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image, ImageDraw, ImageOps

from pix2pix.errors import UserError

FILE = "link.jpg"
_SIZE = 1200, 630  # which programs show whole
_SIDE = 520
_PAPER, _INK = "#faf9f6", "#1d2126"
_DESCRIPTION = "Draw, and see what a network trained with pix2pix makes of it."


def check_address(url: str) -> str:
    """Return the address of a page's folder, with a slash at its end; raises UserError for any other text."""
    if not _is_folder(url):
        raise UserError(
            f"--url {url} is not the address of a folder on the web.",
            "Pass the address at which the page will be, such as https://example.org/draw/.",
        )
    return url.rstrip("/") + "/"


def _is_folder(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as for a bracket that is not closed, or a port that is no number
        return False
    return is_web and not (parts.query or parts.fragment or parts.path.endswith((".html", ".htm")))


def write_picture(source: Image.Image, translation: Image.Image, out: Path, *, is_label_map: bool) -> None:
    """Write a source and its translation side by side as a JPEG of 1200 x 630 px.

    The colours of a source that is a label map are not mixed where it is enlarged.
    """
    sheet = Image.new("RGB", _SIZE, _PAPER)
    gap = _SIZE[0] - 2 * _SIDE
    smooth = Image.Resampling.LANCZOS
    of_source = Image.Resampling.NEAREST if is_label_map else smooth
    placed = (source, gap // 4, of_source), (translation, _SIZE[0] - gap // 4 - _SIDE, smooth)
    for picture, left, method in placed:
        fitted = ImageOps.pad(picture.convert("RGB"), (_SIDE, _SIDE), method, _PAPER)
        sheet.paste(fitted, (left, (_SIZE[1] - _SIDE) // 2))
    x, y = _SIZE[0] // 2, _SIZE[1] // 2
    arrow = [(x - 22, y), (x + 22, y), (x + 8, y - 14), (x + 22, y), (x + 8, y + 14)]
    ImageDraw.Draw(sheet).line(arrow, _INK, 5, "curve")
    sheet.save(out, quality=90)


def tags(url: str, names: list[str], *, has_picture: bool) -> str:
    """Return the tags for the head of the page at this address."""
    title = f"{', '.join(names)} · pix2pix"
    facts = {"og:type": "website", "og:title": title, "og:description": _DESCRIPTION, "og:url": url}
    if has_picture:
        facts |= {
            "og:image": url + FILE,
            "og:image:width": str(_SIZE[0]),
            "og:image:height": str(_SIZE[1]),
            "og:image:alt": f"A drawing, and what {names[0]} makes of it",
        }
    lines = [f'<meta property="{key}" content="{escape(value)}">' for key, value in facts.items()]
    kind = "summary_large_image" if has_picture else "summary"
    return "\n".join([*lines, f'<meta name="twitter:card" content="{kind}">', ""])
