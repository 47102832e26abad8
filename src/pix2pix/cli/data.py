"""The commands `pix2pix data ...`: thin, each imports its stage when it is called.

Exit codes as in `cli.py`: 0 good, 1 done with failures reported, 2 refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pix2pix.errors import UserError

if TYPE_CHECKING:
    from pix2pix.datasets.jobs import Done
    from pix2pix.progress import Progress

data_app = typer.Typer(
    help="Fetch data sets, and make them of what you have.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_LARGEST_PX = 16_384
_PALETTE_PICTURES = 400
_ORDER = ("", "train", "val", "validation", "test")
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Format = Annotated[
    str | None, typer.Option("--format", help="png, tif, jpg...  [default: one that loses nothing]")
]


@data_app.command()
def fetch(
    name: Annotated[
        str, typer.Argument(help="facades, maps, cityscapes, edges2shoes, edges2handbags, night2day.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the data set.  [default: NAME]")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="URL|FILE", help="Take this archive instead (tar, tar.gz)."),
    ] = None,
    accepted: Annotated[
        bool, typer.Option("--accept-licence", help="Say that you have accepted what cityscapes asks.")
    ] = False,
) -> None:
    """Fetch a data set of the paper. The same command again continues what broke off.

    \b
    pix2pix data fetch facades
    pix2pix data fetch maps -o data/maps --from ~/downloads/maps.tar.gz
    """
    from pix2pix.datasets.fetch import data_sets
    from pix2pix.datasets.fetch import fetch as fetch_set

    sets = data_sets()
    if name not in sets:
        raise UserError(f"There is no data set {name}: wanted one of {', '.join(sets)}.")
    wanted, progress = sets[name], _progress()
    folder = out or Path(name)
    fetched = fetch_set(wanted, folder, origin, accepted, progress)
    print(f"{folder}: {_counted(fetched.pairs)}; left {wanted.left}, right {wanted.right}")
    if wanted.pairs and fetched.pairs != wanted.pairs:
        print(f"note: the authors' archive holds {_counted(wanted.pairs)}", file=sys.stderr)
    print(f"next: pix2pix train {folder} --set data.source={wanted.source}")


@data_app.command()
def check(
    data: Annotated[
        list[str], typer.Argument(help="As for train: a folder of pairs, two folders, a manifest.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the report.")] = Path("report"),
    source: Annotated[
        str, typer.Option(help="The half of side-by-side pictures that is the source.")
    ] = "left",
) -> None:
    """Read every pair once and report what is wrong with which file.

    \b
    pix2pix data check facades --source right -o facades-report
    """
    from pix2pix.config import Config
    from pix2pix.data.origins import find_data
    from pix2pix.datasets.check import check as check_pairs
    from pix2pix.datasets.check import summary, write_report

    pairs = find_data(data, Config.load(None, [f"data.source={source}"]).data)
    progress = _progress()
    try:
        report = check_pairs(pairs, lambda done, total: progress.update("checking", done, total, "pairs"))
    finally:
        progress.close()
    page = write_report(report, out)
    print(*summary(report.findings), sep="\n")
    print(f"report: {page}")
    raise typer.Exit(report.exit_code)


@data_app.command()
def palette(
    data: Annotated[Path, typer.Argument(help="Folder of label maps, or of pairs with --half.")],
    half: Annotated[
        str, typer.Option(help="left or right: the half of side-by-side pictures with the labels.")
    ] = "whole",
) -> None:
    """Print the palette that label maps share, as TOML for data.source_labels.

    \b
    pix2pix data palette facades --half right > classes.toml
    """
    from pix2pix.files import list_pictures
    from pix2pix.pictures import codec, geometry
    from pix2pix.pictures.find_palette import palette_report

    if half not in ("left", "right", "whole"):
        raise UserError(f"--half {half} is unknown: wanted left, right or whole.")
    paths = list_pictures(data) if data.is_dir() else []
    if not paths:
        raise UserError(f"{data} holds no pictures: wanted a folder of label maps.")
    step = -(-len(paths) // _PALETTE_PICTURES)  # a palette shows in a few hundred
    some = paths[::step]
    lines = palette_report(
        lambda: (geometry.half(codec.read(p), half, str(p)) for p in some),  # type: ignore[arg-type]
        str(data),
    )
    print(*lines, sep="\n")


@data_app.command()
def split(
    data: Annotated[list[Path], typer.Argument(help="Folder of pairs, or two folders: sources, targets.")],
    out: Out,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share to validate on.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share to test on.")] = 0.0,
    seed: Annotated[int | None, typer.Option(help="Another seed gives other splits.")] = None,
    link: Annotated[bool, typer.Option("--link", help="Hard links instead of copies.")] = False,
    force: Force = False,
) -> None:
    """Copy pairs into train, val and test, by name: a pair stays in its split when others come.

    \b
    pix2pix data split photos -o pairs --val 0.1 --test 0.1
    pix2pix data split labels photos -o pairs --link
    """
    from pix2pix.datasets.prepare import split as split_pairs

    progress = _progress()
    try:
        done = split_pairs(
            data,
            out,
            val,
            test,
            seed,
            link=link,
            force=force,
            progress=lambda n, total: progress.update("copying", n, total, "pairs"),
        )
    finally:
        progress.close()
    _finish(done, out, "pairs")


@data_app.command()
def combine(
    sources: Annotated[Path, typer.Argument(help="Folder of sources.")],
    targets: Annotated[Path, typer.Argument(help="Folder of targets with equal names.")],
    out: Out,
    suffix: Format = None,
    force: Force = False,
) -> None:
    """Make side-by-side pictures of two folders: source left, target right, at their own depth.

    \b
    pix2pix data combine edges photos -o pairs
    """
    from pix2pix.datasets.prepare import combine as combine_pairs

    progress = _progress()
    try:
        done = combine_pairs(
            sources,
            targets,
            out,
            _suffix(suffix),
            force=force,
            progress=lambda n, total: progress.update("combining", n, total, "pairs"),
        )
    finally:
        progress.close()
    _finish(done, out, "pairs")


@data_app.command()
def resize(
    data: Annotated[Path, typer.Argument(help="Folder of pictures; sub-folders are kept.")],
    out: Out,
    size: Annotated[str, typer.Option(metavar="PX|HxW", help="256, or height and width: 256x512.")],
    pairs: Annotated[bool, typer.Option("--pairs", help="Side by side: resize each half to --size.")] = False,
    nearest: Annotated[
        bool, typer.Option("--nearest", help="For label maps: no new colours between two.")
    ] = False,
    suffix: Annotated[
        str | None, typer.Option("--format", help="png, tif, jpg...  [default: the input's]")
    ] = None,
    force: Force = False,
) -> None:
    """Resize whole pictures, antialiased, at their own depth; the aspect is not kept.

    \b
    pix2pix data resize photos -o small --size 256
    pix2pix data resize pairs -o small --size 256x512 --pairs
    """
    from pix2pix.datasets.prepare import resize as resize_pictures

    progress, size_px = _progress(), _size(size)
    try:
        done = resize_pictures(
            data,
            out,
            size_px,
            _suffix(suffix),
            halves=pairs,
            nearest=nearest,
            force=force,
            progress=lambda n, total: progress.update("resizing", n, total, "pictures"),
        )
    finally:
        progress.close()
    _finish(done, out, "pictures")


@data_app.command()
def sample(
    out: Out,
    count: Annotated[int, typer.Option(min=0, help="Pairs to learn from.")] = 400,
    val: Annotated[int, typer.Option(min=0, help="Pairs to validate on.")] = 50,
    test: Annotated[int, typer.Option(min=0, help="Pairs to test on.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Height and width in px.")] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other houses.")] = 0,
) -> None:
    """Draw procedural pairs, label maps and the houses made of them: data to try things on.

    \b
    pix2pix data sample -o houses --count 400 --size 256
    """
    from pix2pix.datasets.prepare import draw

    progress, counts = _progress(), {"train": count, "val": val, "test": test}
    try:
        draw(out, counts, size, seed, lambda n, total: progress.update("drawing", n, total, "pairs"))
    finally:
        progress.close()
    print(f"{out}: {_counted({k: n for k, n in counts.items() if n})} pairs, source left")


def _progress() -> Progress:
    from rich.console import Console

    from pix2pix.progress import Progress

    return Progress(Console(stderr=True))


def _finish(done: Done, out: Path, what: str) -> None:
    """Say what there is, name what was left out; exit code 1 where pictures were."""
    there = sum(done.pairs.values()) - done.written
    print(f"{out}: {_counted(done.pairs)} {what}" + (f", {there} there before" if there else ""))
    if done.ignored:
        print("not used, as no pictures of pairs:", *done.ignored, sep="\n  ", file=sys.stderr)
    if done.failures:
        print(f"{len(done.failures)} left out:", *done.failures, sep="\n  ", file=sys.stderr)
        raise typer.Exit(1)


def _counted(pairs: Mapping[str, int]) -> str:
    """ "train 400, val 100", or "500" where there are no splits."""
    return ", ".join(f"{split} {pairs[split]:,}".strip() for split in _ORDER if split in pairs)


def _suffix(name: str | None) -> str | None:
    from pix2pix.files import PICTURE_SUFFIXES

    if name is None:
        return None
    suffix = "." + name.lower().lstrip(".")
    if suffix not in PICTURE_SUFFIXES:
        known = ", ".join(sorted(PICTURE_SUFFIXES)).replace(".", "")
        raise UserError(f"--format {name} is unknown: wanted one of {known}.")
    return suffix


def _size(text: str) -> tuple[int, int]:
    """(height, width) in pixels from "256" or "256x512"."""
    found = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    size = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 0 < min(size) <= max(size) <= _LARGEST_PX:
        raise UserError(f"--size {text} is no size: wanted 256, or HEIGHTxWIDTH such as 256x512.")
    return size
