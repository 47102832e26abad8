"""Files and folders through a translator: names kept, bad files skipped and named."""

import glob
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

import numpy as np

from pix2pix.config import Mode
from pix2pix.device import is_out_of_memory
from pix2pix.errors import UserError
from pix2pix.files import PICTURE_SUFFIXES, is_picture, kind, list_pictures
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import Side

_ENDINGS = f"Known endings: {' '.join(sorted(PICTURE_SUFFIXES))}."
_OTHER_FORMATS = (".gif", ".avif", ".heic", ".jxl", ".svg", ".pdf", ".jp2", ".tga", ".ppm")


@dataclass(frozen=True)
class Item:
    """One picture to translate, and the path of its translation.

    `key` is the picture's name in training, by which sources are made: its path below the user's
    folder, without ending.
    """

    source: Path
    output: Path
    key: str

    def outputs(self, samples: int) -> list[Path]:
        """Return the files to write: the output, or NAME-1 ... NAME-n and NAME-spread."""
        if samples == 1:
            return [self.output]
        numbered = [self.output.with_stem(f"{self.output.stem}-{n}") for n in range(1, samples + 1)]
        return [*numbered, self.output.with_name(f"{self.output.stem}-spread.png")]


@dataclass(frozen=True)
class Options:
    """How pictures are translated; `half` is the half of a side-by-side picture to take."""

    half: Side = "whole"
    mode: Mode | None = None
    seed: int = 0
    samples: int = 1
    batch: int = 8
    strict: bool = False
    make: bool = False


def plan(
    inputs: Sequence[str], out: Path, translator: Translator, suffix: str | None = None, samples: int = 1
) -> list[Item]:
    """Return the items of files, folders and globs; `suffix` (".png") replaces the pictures' own.

    Where a picture's own format cannot hold its translation, that of the training targets is taken.
    A folder's sub-folders are kept below `out`. `out` may be a file where there is one input file.
    Raises UserError where there is no picture, two outputs would be one, or an input would be lost.
    """
    pictures = [picture for text in inputs for picture in _expand(text)]
    single = is_picture(out) and not out.is_dir()
    if out.suffix.lower() in _OTHER_FORMATS:
        raise UserError(f"{out}: '{out.suffix}' is no format that can be written.", _ENDINGS)
    if single and len(pictures) > 1:
        raise UserError(f"{len(pictures)} pictures cannot all become {out}.", "Name a folder with --out.")
    items, others = [], (translator.header.image.target.suffix, ".png", ".tif")
    for path, name in pictures:
        ending = suffix or next(s for s in (name.suffix, *others) if _fits(s, translator))
        output = out if single else out / name.with_suffix(ending)
        items.append(Item(path, output, name.with_suffix("").as_posix()))
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


def translate_items(
    translator: Translator,
    items: Sequence[Item],
    options: Options,
    progress: Callable[[int, int], None] = lambda done, total: None,
    note: codec.OnNote = codec.no_note,
) -> list[str]:
    """Translate and write every picture; return one sentence for each that could not be read.

    Threads read ahead of the network and write behind it, each by a batch or two, so that memory
    does not grow with the number of pictures. `note` receives a sentence about what is left out of a
    picture that is translated.

    Raises UserError where none could, where an output cannot be written, or (`strict`) at the first
    that cannot be read.
    """
    failures: list[str] = []
    cores, done = os.cpu_count(), 0
    # Finished translations are written whatever fails after them: writers are never cancelled.
    with ThreadPoolExecutor(cores) as readers, ThreadPoolExecutor(cores) as writers:
        try:
            written = deque[Future[None]]()
            coming = _in_order(readers, translator, items, options, note)
            while batch := list(islice(coming, options.batch)):
                opened = [(item, reading.result()) for item, reading in batch]
                errors = [source for _, source in opened if isinstance(source, UserError)]
                if errors and (options.strict or len(items) == 1):
                    raise errors[0]
                failures += map(str, errors)
                sources = [(item, source) for item, source in opened if not isinstance(source, UserError)]
                for picture, path in _translated(translator, sources, options):
                    written.append(writers.submit(codec.write, picture, path))
                while len(written) > options.batch:
                    written.popleft().result()
                done += len(batch)
                progress(done, len(items))
            for writing in written:
                writing.result()
        except BaseException:
            readers.shutdown(cancel_futures=True)  # else everything in the queue would be read first
            raise
    if len(failures) == len(items):
        raise UserError(failures[0], f"None of the {len(items)} files could be translated.")
    return failures


def _in_order(
    pool: ThreadPoolExecutor,
    translator: Translator,
    items: Sequence[Item],
    options: Options,
    note: codec.OnNote,
) -> Iterator[tuple[Item, Future[Array | UserError]]]:
    """Yield the items in order, each being read by a thread, at most two batches ahead of their use."""
    ahead = deque[tuple[Item, Future[Array | UserError]]]()
    for item in items:
        ahead.append((item, pool.submit(_open, item, translator, options, note)))
        if len(ahead) > 2 * options.batch:
            yield ahead.popleft()
    yield from ahead


def _open(
    item: Item, translator: Translator, options: Options, note: codec.OnNote = codec.no_note
) -> Array | UserError:
    """Return the source as the network was fed in training, or the error that names the file."""
    try:
        array = geometry.half(codec.read(item.source, note), options.half, str(item.source))
        return translator.source(array, str(item.source), options.make, item.key)
    except UserError as error:
        return error


def _translated(
    translator: Translator, sources: Sequence[tuple[Item, Array]], options: Options
) -> Iterator[tuple[Array, Path]]:
    """Yield the translations of a batch of sources with their paths."""
    try:
        if options.samples > 1:
            for item, source in sources:
                yield from _variants(translator, item, source, options)
            return
        outputs = translator.translate_sources(
            [source for _, source in sources], mode=options.mode, seed=options.seed, batch=options.batch
        )
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            largest = max((source.shape[0] * source.shape[1], item.source) for item, source in sources)
            raise UserError(
                f"Out of memory with {len(sources)} pictures at a time, the largest {largest[1]} of "
                f"{largest[0] / 1e6:.1f} megapixels.",
                "Lower --batch, reduce the picture, or use --device cpu.",
            ) from None
        raise
    yield from zip(outputs, (item.output for item, _ in sources), strict=True)


def _variants(
    translator: Translator, item: Item, source: Array, options: Options
) -> Iterator[tuple[Array, Path]]:
    """Yield the variants, and a map of their spread: white at its maximum."""
    result = translator.variants_of(source, options.samples, mode=options.mode, seed=options.seed)
    *paths, last = item.outputs(options.samples)
    yield from zip(result.pictures, paths, strict=True)
    spread = result.spread / max(float(result.spread.max()), 1e-6) * 255
    yield spread.round().astype(np.uint8)[:, :, None], last


def first_note(translator: Translator, items: Sequence[Item], side: Side) -> str:
    """Return a note on what a user may have overlooked, from the first input, or "".

    A pair side by side like those that the model learned from, passed whole; or a picture much
    larger than any it knows.
    """
    header, path = translator.header, items[0].source
    try:
        height, width = geometry.half(codec.read(path), side, str(path)).shape[:2]
    except UserError:
        return ""  # named when it is translated
    if side == "whole" and header.image.layout == "side by side" and width == 2 * height:
        return (
            f"{path} is twice as wide as high, like the pairs this model learned from; if it is a "
            f"pair, add --half {header.image.half}"
        )
    trained = max(header.config.data.size)
    if min(height, width) < 2 * trained:
        return ""
    return (
        f"{path} is translated at {width} x {height} px, and the model learned at {trained} px, so "
        "that shapes are larger here than any it knows; `pix2pix data resize` reduces pictures"
    )


def _fits(suffix: str, translator: Translator) -> bool:
    """Whether such files keep a translation; JPEG would blur classes into each other."""
    blurs = translator.header.image.target.one_hot and suffix.lower() in (".jpg", ".jpeg")
    return not blurs and codec.holds(suffix, *translator.output)


def _expand(text: str) -> Iterator[tuple[Path, Path]]:
    """Yield (path, relative name to keep) of each picture that an argument stands for."""
    path = Path(text)
    what = kind(path)
    if what == "file":
        pictures, base = [path], path.parent
    elif what == "folder":
        pictures, base = list_pictures(path), path
    elif glob.has_magic(text):
        matches = map(Path, sorted(glob.glob(text, recursive=True)))
        pictures, base = [p for p in matches if is_picture(p) and p.is_file()], _fixed_part(path)
    else:
        raise UserError(f"There is no file or folder {path}.")
    if not pictures:
        raise UserError(
            f"{path} holds no pictures." if what == "folder" else f"No picture matches {text}.", _ENDINGS
        )
    yield from ((p, p.relative_to(base)) for p in pictures)


def _fixed_part(pattern: Path) -> Path:
    """Return the folders of a glob before its first wildcard."""
    return Path(*takewhile(lambda part: not glob.has_magic(part), pattern.parts))
