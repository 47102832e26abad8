"""Which pictures are translated, how, and to which files; known before any is read whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.files import ENDINGS, WRITTEN_SUFFIXES, find_pictures, is_picture
from pix2pix.inference.sources import Size
from pix2pix.inference.translator import Translator
from pix2pix.model_file import ImageContract
from pix2pix.pictures import codec
from pix2pix.pictures.contract import Side
from pix2pix.pictures.seam import goes_on

P = TypeVar("P", bound=PurePath)
_OTHER_FORMATS = (".gif", ".avif", ".heic", ".jxl", ".svg", ".pdf", ".jp2", ".tga", ".ppm", ".pgm")


@dataclass(frozen=True)
class Item:
    """One picture to translate, and the path of its translation.

    `key` is the picture's name in training, by which sources are made: its path below the user's
    folder, without ending. `as_targets` writes a label map in the kind of file that targets were.
    """

    source: Path
    output: Path
    key: str
    as_targets: bool = False

    def outputs(self, samples: int) -> list[Path]:
        """Return the files to write: the output, or NAME-1 ... NAME-n and NAME-spread."""
        if samples == 1:
            return [self.output]
        numbered = [self.output.with_stem(f"{self.output.stem}-{n}") for n in range(1, samples + 1)]
        return [*numbered, self.output.with_name(f"{self.output.stem}-spread.png")]


@dataclass(frozen=True)
class Options:
    """How pictures are translated; `half` is the half of a side-by-side picture to take.

    `stream` streams all of them; else those that are larger than the memory.
    """

    half: Side = "whole"
    mode: Mode | None = None
    seed: int = 0
    samples: int = 1
    batch: int = 8
    strict: bool = False
    make: bool = False
    size: Size | None = None
    stream: bool = False


def plan(
    inputs: Sequence[str], out: Path, translator: Translator, suffix: str | None = None, samples: int = 1
) -> list[Item]:
    """Return the items of files, folders and globs; `suffix` (".png") replaces the pictures' own.

    Label maps are PNG of the kind that the targets were, and with a `suffix` pictures of their colours.
    Where a picture's own format cannot hold its translation, that of the training targets is taken.
    A folder's sub-folders are kept below `out`. `out` may be a file where there is one input file.
    Raises UserError where there is no picture, two outputs would be one, or an input would be lost.
    """
    pictures = [picture for text in inputs for picture in _expand(text)]
    single = is_picture(out) and not out.is_dir()
    if out.suffix.lower() in _OTHER_FORMATS:
        written = f"Wanted one of {' '.join(sorted(WRITTEN_SUFFIXES))}."
        raise UserError(f"{out}: '{out.suffix}' is no format that can be written.", written)
    if single and len(pictures) > 1:
        raise UserError(f"{len(pictures)} pictures cannot all become {out}.", "Name a folder with --out.")
    items, image = [], translator.header.image
    for path, name in pictures:
        output = out if single else out / output_name(name, suffix, image, translator.output)
        key = name.with_suffix("").as_posix()
        items.append(Item(path, output, key, is_label_map(output, suffix, image)))
    if suffix or single:
        codec.check_holds(items[0].output, *translator.output)
    _refuse_collisions(items, samples)
    return items


def _refuse_collisions(items: Sequence[Item], samples: int) -> None:
    inputs, writers = {item.source.resolve() for item in items}, dict[Path, Path]()
    for item in items:
        for output in item.outputs(samples):
            if output.resolve() in inputs:
                raise UserError(f"{output} is an input and would be lost.", "Choose another --out.")
            if (other := writers.setdefault(output, item.source)) != item.source:
                raise UserError(
                    f"{other} and {item.source} would both become {output}.",
                    "Translate them into different --out folders.",
                )


def first_note(translator: Translator, items: Sequence[Item], side: Side, size: Size | None = None) -> str:
    """Return a note on what a user may have overlooked, from the first input, or "".

    A pair side by side like those that the model learned from, passed whole; or a picture much
    larger or smaller than those.
    """
    header, path = translator.header, items[0].source
    try:
        height, width = codec.size(path)
        width = width if side == "whole" else width // 2
        if side == "whole" and header.image.layout == "side by side":
            twice = "is twice as wide as high" if width == 2 * height else ""
            two = width % 2 == 0 and width >= height and goes_on(codec.read(path)) is False
            if what := twice or "shows two pictures side by side" * two:
                like = "like the pairs this model learned from"
                return f"{path} {what}, {like}; if it is a pair, add --half {header.image.half}"
    except UserError:
        return ""  # named when it is translated
    shortest, longest = min(header.config.data.size), max(header.config.data.size)
    larger = min(height, width) >= 2 * longest
    if size is not None or (not larger and max(height, width) > shortest / 2):
        return ""
    return (
        f"{path} is translated at {width} x {height} px, and the model learned at {longest} px, so that "
        f"shapes are {'larger' if larger else 'smaller'} here than those it knows; --size train scales "
        "pictures as in training, and their translations back"
    )


def output_name(name: P, suffix: str | None, image: ImageContract, output: tuple[str, int]) -> P:
    """Return the name of a picture's translation of (depth, channels), as `plan` says."""
    fitting = (s for s in (name.suffix, image.target.suffix, ".png", ".tif") if _fits(s, image, output))
    as_targets = image.target.kept_as != "colours"
    return name.with_suffix(suffix or (".png" if as_targets else next(fitting)))


def is_label_map(output: PurePath, suffix: str | None, image: ImageContract) -> bool:
    """Return whether a translation is written as a label map of the kind that the targets were."""
    return image.target.kept_as != "colours" and not suffix and output.suffix.lower() == ".png"


def _fits(suffix: str, image: ImageContract, output: tuple[str, int]) -> bool:
    """Whether such files keep a translation; JPEG would blur classes into each other."""
    blurs = image.target.one_hot and suffix.lower() in (".jpg", ".jpeg")
    return not blurs and codec.holds(suffix, *output)


def _expand(text: str) -> Iterator[tuple[Path, Path]]:
    """Yield (path, relative name to keep) of each picture that an argument stands for."""
    pictures = find_pictures(text)
    if not pictures.files:
        raise UserError(f"{pictures.root} holds no pictures.", ENDINGS)
    yield from ((path, path.relative_to(pictures.root)) for path in pictures.files)
