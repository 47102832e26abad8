"""Files and folders through a translator: names kept, bad files skipped and named."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix import images
from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.files import PICTURE_SUFFIXES, is_picture, kind, list_pictures
from pix2pix.translator import Translator


@dataclass(frozen=True)
class Job:
    """One picture to translate, and where its translation goes."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Options:
    """How pictures are translated; `half` is the half of a side-by-side picture to take."""

    half: images.Side = "whole"
    mode: Mode | None = None
    seed: int = 0
    samples: int = 1
    batch: int = 8
    strict: bool = False


def plan(
    inputs: Sequence[str], out: Path, suffix: str | None = None, samples: int = 1
) -> list[Job]:
    """The jobs for files, folders and globs; `suffix` (".png") replaces the pictures' own.

    A folder's sub-folders are kept below `out`. `out` may be a file where there is one input file.
    Raises UserError where nothing is found, two outputs would be one, or an input would be lost.
    """
    found = [item for text in inputs for item in _expand(text)]
    single = is_picture(out) and not out.is_dir()
    if single and len(found) > 1:
        raise UserError(
            f"{len(found)} pictures cannot all become {out}.", "Name a folder with --out."
        )
    jobs = [
        Job(path, out if single else out / (name.with_suffix(suffix) if suffix else name))
        for path, name in found
    ]
    sources = {job.source.resolve(): job.source for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        for output in _outputs(job, samples):
            if output.resolve() in sources:
                raise UserError(f"{output} is an input and would be lost.", "Choose another --out.")
        if (other := taken.setdefault(job.output, job.source)) != job.source:
            raise UserError(
                f"{other} and {job.source} would both become {job.output}.",
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

    Raises UserError where none could, where an output cannot be written, or (`strict`) at the first
    that cannot be read.
    """
    failures: list[str] = []
    for start in range(0, len(jobs), options.batch):
        opened: list[tuple[Job, Image.Image]] = []
        for job in jobs[start : start + options.batch]:
            try:
                opened.append((job, _open(job, options.half)))
            except UserError as error:
                if options.strict or len(jobs) == 1:
                    raise
                failures.append(str(error))
        _translate(translator, opened, options)
        progress(min(start + options.batch, len(jobs)), len(jobs))
    if len(failures) == len(jobs):
        raise UserError(failures[0], f"None of the {len(jobs)} files could be translated.")
    return failures


def looks_like_pairs(translator: Translator, jobs: Sequence[Job]) -> bool:
    """Whether the first input is a side-by-side pair like those that the model learned from."""
    if translator.header.image.layout != "side by side":
        return False
    try:
        first = images.open_image(jobs[0].source)
    except UserError:
        return False
    return first.width == 2 * first.height


def _open(job: Job, side: images.Side) -> Image.Image:
    image = images.open_image(job.source)
    if not images.can_write(job.output):
        raise UserError(
            f"{job.source} cannot be written as {job.output}: "
            f"'{job.output.suffix}' is no format of pictures.",
            "Name a format, for example --format png.",
        )
    return images.half(image, side, str(job.source))


def _outputs(job: Job, samples: int) -> list[Path]:
    """The files of a job: its output, or NAME-1 ... NAME-n and NAME-spread."""
    if samples == 1:
        return [job.output]
    endings = [*range(1, samples + 1), "spread"]
    return [job.output.with_stem(f"{job.output.stem}-{ending}") for ending in endings]


def _translate(
    translator: Translator, opened: Sequence[tuple[Job, Image.Image]], options: Options
) -> None:
    if options.samples > 1:
        for job, image in opened:
            _save_variants(translator, job, image, options)
        return
    pictures = [image for _, image in opened]
    outputs = translator.translate(
        pictures, mode=options.mode, seed=options.seed, batch=options.batch
    )
    for (job, _), output in zip(opened, outputs, strict=True):
        images.save_image(output, job.output)


def _save_variants(translator: Translator, job: Job, image: Image.Image, options: Options) -> None:
    """The variants, and where they differ: white at the greatest difference."""
    result = translator.variants(image, options.samples, mode=options.mode, seed=options.seed)
    spread = result.spread / max(float(result.spread.max()), 1e-6) * 255
    sheet = images.from_array(spread.round().astype(np.uint8)[:, :, None])
    for output, path in zip([*result.images, sheet], _outputs(job, options.samples), strict=True):
        images.save_image(output, path)


def _expand(text: str) -> Iterator[tuple[Path, Path]]:
    """(path, relative name to keep) of each picture that an argument stands for."""
    path = Path(text)
    what = kind(path)
    if what == "folder":
        found = list_pictures(path)
        if not found:
            raise UserError(
                f"{path} holds no pictures.",
                f"Known endings: {' '.join(sorted(PICTURE_SUFFIXES))}.",
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
