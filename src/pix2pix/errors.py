"""Errors for the user: what was found, what was wanted, what to do next.

The command line prints them as one sentence without a traceback and ends with exit code 2.
Anything else that escapes is a defect of this package and keeps its traceback.
"""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

# What would move the cursor of a terminal, colour it or turn its text around.
_CONTROLS = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
} | {ord(space): " " for space in "\t\n\r"}
# Bytes of names that are no text, which no screen and no file in UTF-8 takes.
_CONTROLS |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def printable(text: str | Path) -> str:
    """Return a text or a name in one line: control characters as escapes, bytes that are no text replaced."""
    return str(text).translate(_CONTROLS)


class UserError(Exception):
    """A request that cannot be met.

    `message` says what was found and what was wanted, with the path; `hint` says what to do next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = printable(message), printable(hint)
        super().__init__(f"{self.message} {self.hint}".strip())


def counted(count: int, noun: str) -> str:
    """Return "1 picture" or "1,200 pictures"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def in_short(sentences: Sequence[str]) -> str:
    """Return the first five sentences as one text, and how many more there are."""
    more = f" (and {len(sentences) - 5} more)" if len(sentences) > 5 else ""
    return " ".join(sentences[:5]) + more


def joined(names: Sequence[str], most: int = 4) -> str:
    """Return `a, b and c`, or `a, b, c, d and 7 more`."""
    shown = [*names[:most], f"{len(names) - most:,} more"] if len(names) > most else [*names]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """Return "; did you mean ...?" for the known name that is most similar, or nothing."""
    similar = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean '{similar[0]}'?" if similar else ""


def shortened(text: str, limit: int = 200) -> str:
    """Return a text of at most so many characters, in one line."""
    return text if len(text) <= limit else f"{text[: limit - 4]} ..."


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text without its full stop; its type where there is no text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
