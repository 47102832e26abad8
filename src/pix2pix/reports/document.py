"""Pages that open from disk: one HTML document with its style and script inside, and galleries."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources
from string import Template


def document(title: str, body: str, *, refresh_seconds: int | None = None) -> str:
    """A whole HTML document with the house style; `title` is text, `body` is HTML."""
    refresh = ""
    if refresh_seconds is not None:
        # With scripts on, page.js reloads instead: it waits while the page is in use.
        refresh = (
            f'<meta name="refresh-seconds" content="{refresh_seconds}">\n'
            f'<noscript><meta http-equiv="refresh" content="{refresh_seconds}"></noscript>\n'
        )
    return Template(_asset("page.html")).substitute(
        title=escape(title), refresh=refresh, style=_asset("page.css"), body=body, script=_asset("page.js")
    )


def gallery(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> str:
    """A table of pictures: rows of relative addresses, one for each column title.

    Raises ValueError where a row has not as many addresses as there are columns.
    """
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    lines = [
        "".join(
            f'<td><img src="{escape(address)}" alt="{escape(column)}, row {place}"></td>'
            for address, column in zip(row, columns, strict=True)
        )
        for place, row in enumerate(rows, start=1)
    ]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"""<table class="gallery">
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>"""


def _asset(name: str) -> str:
    return (resources.files("pix2pix.reports") / "static" / name).read_text("utf-8")
