"""Files and folders through a translator: names kept, bad files skipped and named."""

from __future__ import annotations

import glob
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from pix2pix.config import Mode
from pix2pix.device import is_out_of_memory
from pix2pix.errors import UserError
from pix2pix.files import PICTURE_SUFFIXES, is_picture, kind, list_pictures
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.codec import Array

_OTHER_FORMATS = (".gif", ".avif", ".heic", ".jxl", ".svg", ".pdf", ".jp2", ".tga", ".ppm")


@dataclass(frozen=True)
class Job:
    """One picture to translate, and where its translation goes."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Options:
    """How pictures are translated; `half` is the half of a side-by-side picture to take."""

    half: geometry.Side = "whole"
    mode: Mode | None = None
    seed: int = 0
    samples: int = 1
    batch: int = 8
    strict: bool = False
    make: bool = False


def plan(
    inputs: Sequence[str], out: Path, translator: Translator, suffix: str | None = None, samples: int = 1
) -> list[Job]:
    """The jobs for files, folders and globs; `suffix` (".png") replaces the pictures' own.

    Where a picture's own format cannot hold what comes out, that of the training targets is taken.
    A folder's sub-folders are kept below `out`. `out` may be a file where there is one input file.
    Raises UserError where nothing is found, two outputs would be one, or an input would be lost.
    """
    found = [item for text in inputs for item in _expand(text)]
    single = is_picture(out) and not out.is_dir()
    if out.suffix.lower() in _OTHER_FORMATS:
        raise UserError(
            f"{out}: '{out.suffix}' is no format that can be written.",
            f"Known endings: {' '.join(sorted(PICTURE_SUFFIXES))}.",
        )
    if single and len(found) > 1:
        raise UserError(f"{len(found)} pictures cannot all become {out}.", "Name a folder with --out.")

    def named(name: Path) -> Path:
        own = name.suffix if _fits(name.suffix, translator) else _target_suffix(translator)
        return name.with_suffix(suffix or own)

    jobs = [Job(path, out if single else out / named(name)) for path, name in found]
    if suffix or single:
        codec.check_holds(jobs[0].output, *translator.output)
    sources = {job.source.resolve(): job.source for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        for output in _outputs(job, samples):
            if output.resolve() in sources:
                raise UserError(f"{output} is an input and would be lost.", "Choose another --out.")
            if (other := taken.setdefault(output, job.source)) != job.source:
                raise UserError(
                    f"{other} and {job.source} would both become {output}.",
                    "Translate them into different --out folders.",
                )
    return jobs


def run_jobs(
    translator: Translator,
    jobs: Sequence[Job],
    options: Options,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Translate and write every picture; one sentence for each that could not be read.

    Threads read ahead of the network and write behind it, each by a batch or two, so that memory
    does not grow with the number of pictures.

    Raises UserError where none could, where an output cannot be written, or (`strict`) at the first
    that cannot be read.
    """
    failures: list[str] = []
    cores = os.cpu_count()
    # What was translated is written, whatever comes after it: writers are never cancelled.
    with ThreadPoolExecutor(cores) as readers, ThreadPoolExecutor(cores) as writers:
        try:
            written = deque[Future[None]]()
            coming = _in_order(readers, lambda job: _open(job, translator, options), jobs, options)
            for start in range(0, len(jobs), options.batch):
                opened: list[tuple[Job, Array]] = []
                for job, opening in islice(coming, options.batch):
                    try:
                        opened.append((job, opening.result()))
                    except UserError as error:
                        if options.strict or len(jobs) == 1:
                            raise
                        failures.append(str(error))
                for picture, path in _translated(translator, opened, options):
                    written.append(writers.submit(codec.write, picture, path))
                while len(written) > options.batch:
                    written.popleft().result()
                progress(min(start + options.batch, len(jobs)), len(jobs))
            for writing in written:
                writing.result()
        except BaseException:
            readers.shutdown(cancel_futures=True)  # the queue would be worked off first
            raise
    if len(failures) == len(jobs):
        raise UserError(failures[0], f"None of the {len(jobs)} files could be translated.")
    return failures


def _in_order(
    pool: ThreadPoolExecutor, opened: Callable[[Job], Array], jobs: Sequence[Job], options: Options
) -> Iterator[tuple[Job, Future[Array]]]:
    """The jobs in order, each being opened by a thread, at most two batches ahead of their use."""
    ahead = deque[tuple[Job, Future[Array]]]()
    for job in jobs:
        ahead.append((job, pool.submit(opened, job)))
        if len(ahead) > 2 * options.batch:
            yield ahead.popleft()
    yield from ahead


def _too_large(opened: Sequence[tuple[Job, Array]]) -> UserError:
    largest = max((source.shape[0] * source.shape[1], job.source) for job, source in opened)
    return UserError(
        f"Out of memory with {len(opened)} pictures at a time, the largest {largest[1]} of "
        f"{largest[0] / 1e6:.1f} megapixels.",
        "Lower --batch, reduce the picture, or use --device cpu.",
    )


def first_note(translator: Translator, jobs: Sequence[Job], side: geometry.Side) -> str:
    """What a user may have overlooked, seen in the first input, or "".

    A pair side by side like those that the model learned from, given whole; or a picture much
    larger than any it knows.
    """
    header, path = translator.header, jobs[0].source
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
    """Whether such files keep what comes out; JPEG would blur classes into each other."""
    blurs = translator.header.image.target.one_hot and suffix.lower() in (".jpg", ".jpeg")
    return not blurs and codec.holds(suffix, *translator.output)


def _target_suffix(translator: Translator) -> str:
    wanted = (translator.header.image.target.suffix, ".png", ".tif")
    return next(suffix for suffix in wanted if _fits(suffix, translator))


def _open(job: Job, translator: Translator, options: Options) -> Array:
    """The source as the network wants it; raises UserError that names the file."""
    name = str(job.source)
    array = geometry.half(codec.read(job.source), options.half, name)
    return translator.source(array, name, options.make)


def _outputs(job: Job, samples: int) -> list[Path]:
    """The files of a job: its output, or NAME-1 ... NAME-n and NAME-spread."""
    if samples == 1:
        return [job.output]
    stem = job.output.stem
    variants = [job.output.with_stem(f"{stem}-{n}") for n in range(1, samples + 1)]
    return [*variants, job.output.with_name(f"{stem}-spread.png")]


def _translated(
    translator: Translator, opened: Sequence[tuple[Job, Array]], options: Options
) -> Iterator[tuple[Array, Path]]:
    """What a batch of opened pictures becomes, and where it goes."""
    try:
        if options.samples > 1:
            for job, array in opened:
                yield from _variants(translator, job, array, options)
            return
        outputs = translator.translate_sources(
            [source for _, source in opened], mode=options.mode, seed=options.seed, batch=options.batch
        )
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise _too_large(opened) from None
        raise
    yield from zip(outputs, (job.output for job, _ in opened), strict=True)


def _variants(
    translator: Translator, job: Job, array: Array, options: Options
) -> Iterator[tuple[Array, Path]]:
    """The variants, and where they differ: white at the greatest difference."""
    result = translator.variants_of(array, options.samples, mode=options.mode, seed=options.seed)
    *variants, last = _outputs(job, options.samples)
    yield from zip(result.pictures, variants, strict=True)
    spread = result.spread / max(float(result.spread.max()), 1e-6) * 255
    yield spread.round().astype(np.uint8)[:, :, None], last


def _expand(text: str) -> Iterator[tuple[Path, Path]]:
    """(path, relative name to keep) of each picture that an argument stands for."""
    path = Path(text)
    what = kind(path)
    if what == "folder":
        found = list_pictures(path)
        if not found:
            raise UserError(
                f"{path} holds no pictures.", f"Known endings: {' '.join(sorted(PICTURE_SUFFIXES))}."
            )
        yield from ((p, p.relative_to(path)) for p in found)
    elif what == "file":
        yield path, Path(path.name)
    elif glob.has_magic(text):
        named = (Path(p) for p in sorted(glob.glob(text, recursive=True)))
        matches = [p for p in named if is_picture(p) and p.is_file()]
        if not matches:
            raise UserError(f"No picture matches {text}.")
        base = _fixed_part(path)
        yield from ((p, p.relative_to(base)) for p in matches)
    else:
        raise UserError(f"There is no file or folder {path}.")


def _fixed_part(pattern: Path) -> Path:
    """The folders of a glob before its first wildcard."""
    fixed = Path()
    for part in pattern.parts:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed
