"""TOML and JSON that others wrote: whatever is wrong with a text is one kind of error, at a bounded cost.

Parsers of Python have no limits: a key of 100,000 parts takes tomllib 15 GB, and texts that are nested
deeply or hold numbers of 5,000 digits are reported by errors of other types.
"""

import json
import re
import tomllib
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

from pix2pix.errors import first_line

_LONGEST_BYTES = 2_000_000  # of a TOML file; palettes of a thousand classes have 60,000
_MOST_PARTS = 32  # of a key
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|\'[^\'\n]*+\'?')
_COMMENT = re.compile("#[^\n]*")
_BETWEEN_KEYS = re.compile(r"[,=\[\]{}\n]")


def parse_toml(text: str) -> dict[str, Any]:
    """Return the values of TOML; raise ValueError that says what is wrong with it.

    Refused are also keys of more than 32 parts and strings of several lines, which no setting needs.
    """
    if len(text) > _LONGEST_BYTES:
        raise ValueError(f"it has {len(text):,} characters, wanted up to {_LONGEST_BYTES:,}")
    if '"""' in text or "'''" in text:
        raise ValueError("it has strings of several lines, wanted those of one line")
    bare = _COMMENT.sub("", _STRING.sub("s", text))
    if max(part.count(".") for part in _BETWEEN_KEYS.split(bare)) >= _MOST_PARTS:
        raise ValueError(f"it has a key of more than {_MOST_PARTS} parts")
    try:
        values = tomllib.loads(text)
        _refuse_long_numbers(values)
        return values
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:  # also of numbers with thousands of digits
        raise ValueError(first_line(error)) from None


def _refuse_long_numbers(value: Any) -> None:
    """Raise ValueError for whole numbers of more than the 64 bits that TOML has."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("it has a whole number of more than 64 bits")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_long_numbers(inner)


def parse_json(text: str | bytes) -> Any:
    """Return the value of JSON; raise ValueError that says what is wrong with it."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the values of a TOML file; raise OSError or ValueError that says what is wrong with it."""
    refuse_pipe(path)
    if (size := path.stat().st_size) > _LONGEST_BYTES:
        raise ValueError(f"it has {size:,} bytes, wanted up to {_LONGEST_BYTES:,}")
    return parse_toml(path.read_text("utf-8"))


def refuse_pipe(path: Path) -> None:
    """Raise OSError for what may never end: pipes, sockets, devices."""
    if is_pipe(path):
        raise OSError("it is a pipe or a device, wanted a file")


def is_pipe(path: Path) -> bool:
    """Return whether a path leads to what is no file and may never end: a pipe, a socket, a device."""
    mode = path.stat().st_mode
    return not S_ISREG(mode) and not S_ISDIR(mode)
