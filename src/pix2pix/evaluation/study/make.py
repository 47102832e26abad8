"""Make a study of folders: every picture as a PNG of one size, and the protocol next to them."""

import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pix2pix.datasets.file_tasks import check_places
from pix2pix.errors import UserError, counted
from pix2pix.evaluation.study.protocol import FILE, Algorithm, Question, Study
from pix2pix.files import ENDINGS, list_pictures, write_text
from pix2pix.pairs.names import name_of
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.conform import conform
from pix2pix.pictures.contract import PictureContract
from pix2pix.progress import OnProgress, no_progress

Sources = dict[str, Path]  # name without ending -> file
_NAMED = 5


def make(
    real: Path,
    fakes: Mapping[str, Path],
    out: Path,
    *,
    paired: bool = False,
    question: Question = "picture",
    size_px: int = 256,
    seed: int = 0,
    practice: int = 10,
    trials: int = 40,
    on_progress: OnProgress = no_progress,
) -> Study:
    """Write a study to `out`: pictures/ with PNGs of size_px x size_px, 8-bit RGB, and study.json.

    `fakes` are folders by the name of the algorithm. Other shapes are cut to their centre. A paired study
    takes the sources that all folders have. Raises UserError for a study that exists, for folders with too
    few pictures, for a paired fake without its real picture, and for a picture that cannot be read.
    """
    check_places([real, *fakes.values()], out)
    if (out / FILE).exists():
        raise UserError(f"{out} holds a study already.", "Choose another folder with -o.")
    reals = _sources(real)
    by_algorithm = {name: _sources(folder) for name, folder in fakes.items()}
    if paired:
        reals, by_algorithm = _in_common(real, reals, by_algorithm)
    for folder, sources in zip([real, *fakes.values()], [reals, *by_algorithm.values()], strict=True):
        _require_enough(folder, sources, practice + trials, paired)
    study = Study(
        id=secrets.token_hex(4),
        question=question,
        paired=paired,
        practice=practice,
        trials=trials,
        size_px=size_px,
        seed=seed,
        real=tuple(reals),
        algorithms=tuple(Algorithm(name=name, sources=tuple(s)) for name, s in by_algorithm.items()),
    )
    _write_pictures([reals, *by_algorithm.values()], out, size_px, on_progress)
    write_text(out / FILE, study.model_dump_json(indent=2) + "\n")  # last: a folder with it is whole
    return study


def _sources(folder: Path) -> Sources:
    sources: Sources = {}
    for path in list_pictures(folder):
        if (first := sources.setdefault(name_of(path, folder), path)) != path:
            raise UserError(f"{path} has the same name as {first}.", "Rename one of the two.")
    return sources


def _require_enough(folder: Path, sources: Sources, least: int, paired: bool) -> None:
    if not sources and not paired:
        raise UserError(f"{folder} holds no pictures: wanted at least {least}.", ENDINGS)
    if (lacking := least - len(sources)) > 0:
        raise UserError(
            f"{folder} has {counted(len(sources), 'picture')}{' that all folders have' * paired}: "
            f"wanted at least {least}, one for each trial. {lacking} "
            f"{'is' if lacking == 1 else 'are'} missing."
        )


def _in_common(
    real: Path, reals: Sources, by_algorithm: Mapping[str, Sources]
) -> tuple[Sources, dict[str, Sources]]:
    """Return the sources that all folders have; raise UserError for a fake without its real picture."""
    for name, sources in by_algorithm.items():
        if lost := [str(sources[source]) for source in sources if source not in reals]:
            more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
            raise UserError(
                f"Fakes of {name} have no real picture of the same name in {real}: "
                f"{', '.join(lost[:_NAMED])}{more}.",
                "Add these, or make the study without --paired.",
            )
    common = [source for source in reals if all(source in sources for sources in by_algorithm.values())]
    fakes = {name: {s: sources[s] for s in common} for name, sources in by_algorithm.items()}
    return {source: reals[source] for source in common}, fakes


def _write_pictures(folders: list[Sources], out: Path, size_px: int, on_progress: OnProgress) -> None:
    names = ["real", *(f"fake-{number}" for number in range(len(folders) - 1))]
    files = [
        (path, out / "pictures" / name / f"{number}.png")
        for name, sources in zip(names, folders, strict=True)
        for number, path in enumerate(sources.values())
    ]

    def write(task: tuple[Path, Path]) -> None:
        path, written = task
        # All go the same way, so that nothing but the picture tells real from fake.
        picture = conform(codec.read(path), PictureContract(), str(path))
        codec.write(geometry.fit(picture, (size_px, size_px), "crop"), written)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for done, _ in enumerate(pool.map(write, files), 1):
                on_progress(done, len(files))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else the whole queue would be done first
            raise
