"""Palettes as TOML: those that ship with the package, and a user's own."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from os.path import isfile
from pathlib import Path
from typing import Any

import tomli_w

from pix2pix.errors import UserError, did_you_mean, shortened
from pix2pix.parsing import read_toml
from pix2pix.pictures.contract import IGNORED, Ignored
from pix2pix.pictures.palette import Colour, Palette, hex_code

_SHIPPED = Path(str(resources.files("pix2pix"))) / "recipes" / "palettes"
_LARGEST_INDEX = 65535  # of a file of 16 bits


def palette_names() -> list[str]:
    """Return the names of the palettes that ship with the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def load_palette(name_or_path: str, others: Sequence[str] = ()) -> Palette:
    """Return a shipped palette by name, or that of a TOML file of [[class]] tables (name, colour).

    A table [ignore] names the index or the colour of pixels that are of no class. `others` are further words
    that the caller takes. Raises UserError for an unknown name, a file that cannot be read, and classes that
    are wrong.
    """
    names = [*palette_names(), *others]
    hint = f"Name one of {', '.join(names)}, or a .toml file (`pix2pix data palette` writes one)."
    shipped = name_or_path in palette_names()
    path = _SHIPPED / f"{name_or_path}.toml" if shipped else Path(name_or_path)
    if path.suffix != ".toml" and not isfile(path):  # `Path.is_file` raises for long names
        raise UserError(
            f"There is no palette '{shortened(name_or_path)}'{did_you_mean(name_or_path, names) or '.'}", hint
        )
    try:
        return _parse(read_toml(path))
    except FileNotFoundError:
        raise UserError(f"There is no palette file {path}.", hint) from None
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read the palette {path}: {error}.") from None
    except UserError as error:
        raise UserError(f"{path}: {error.message}", error.hint) from None


def describe(palette: Palette, shares: Sequence[float] | None = None) -> list[str]:
    """Return the lines of the palette's TOML; `shares` (0 to 1, a class each) become comments."""
    lines = []
    for number, (name, colour) in enumerate(zip(palette.names, palette.colours, strict=True)):
        share = f"  # {shares[number]:.2%} of the pixels" if shares is not None else ""
        lines += [
            "[[class]]",
            tomli_w.dumps({"name": name}).strip(),
            f'colour = "{hex_code(colour)}"{share}',
            "",
        ]
    if palette.ignored:
        drawn = f'colour = "{hex_code(palette.ignored.colour)}"'
        return [*lines, "[ignore]", f"index = {palette.ignored.index}", drawn]
    return lines[:-1]


def _parse(tables: Mapping[str, Any]) -> Palette:
    classes = tables.get("class")
    if not isinstance(classes, list) or not all(_is_class(entry) for entry in classes):
        raise UserError(
            "A class is missing or wrong.", 'Write for each: [[class]], name = "road", colour = "#804080".'
        )
    names, colours = (tuple(entry["name"] for entry in classes), tuple(_rgb(e["colour"]) for e in classes))
    return Palette(names, colours, _parse_ignored(tables["ignore"], colours) if "ignore" in tables else None)


def _parse_ignored(table: Any, colours: Sequence[Colour]) -> Ignored:
    """Return what a palette of these colours ignores; raises UserError for a table that is wrong."""
    stated = dict(table) if isinstance(table, Mapping) else {}
    index, colour = stated.pop("index", None), stated.pop("colour", None)
    good_index = index is None or (type(index) is int and 0 <= index <= _LARGEST_INDEX)
    if stated or not good_index or not (colour is None or _is_colour(colour)) or index is colour is None:
        raise UserError(
            "The table [ignore] is wrong.",
            f'Write index = 255 (0 to {_LARGEST_INDEX}), for class indexes, colour = "#000000", or both.',
        )
    if colour is not None:
        return Ignored(index=IGNORED if index is None else index, colour=_rgb(colour))
    grey = all(len({*c}) == 1 for c in colours)  # an index is a level in maps of nothing but greys
    free = [(v, v, v) for v in ([min(index, 255)] if grey else [0, 255, 128])]
    return Ignored(index=index, colour=next((c for c in free if c not in colours), free[0]))


def _is_class(entry: Any) -> bool:
    is_whole = isinstance(entry, Mapping) and set(entry) == {"name", "colour"}
    return is_whole and isinstance(entry["name"], str) and _is_colour(entry["colour"])


def _is_colour(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("#[0-9a-fA-F]{6}", value) is not None


def _rgb(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue
