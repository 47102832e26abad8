"""The commands `pix2pix data ...`: thin, each imports its stage when it is called.

Exit codes as in `main.py`: 0 good, 1 done with failures reported, 2 refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from pix2pix.cli.cache import cache
from pix2pix.cli.common import (
    Layout,
    Out,
    PairNames,
    Settings,
    choice,
    console_progress,
    counting,
    layout_settings,
    parse_size,
    picture_suffix,
    print_facts,
    report_failures,
)
from pix2pix.errors import UserError, printable

if TYPE_CHECKING:
    from pix2pix.data.unpacked import Unpacked
    from pix2pix.datasets.file_tasks import Done

data_app = typer.Typer(
    help="Fetch data sets, and make them of what you have.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_PALETTE_PICTURES = 400
# Settings of training that say what the pairs are.
_CHECKED_BY = {
    *(f"data.{key}" for key in ("source", "layout", "pair")),
    *(f"data.{half}_{key}" for half in ("source", "target") for key in ("column", "fill", "range")),
}
_ORDER = ("", "train", "val", "validation", "test")
Force = Annotated[bool, Option("--force", help="Replace files that exist.")]
Format = Annotated[str | None, Option("--format", help="png, tif, jpg...  [default: one that loses nothing]")]


@data_app.command()
def fetch(
    name: Annotated[str, Argument(help="facades, maps, cityscapes, edges2shoes, edges2handbags, night2day.")],
    out: Annotated[
        Path | None, Option("--out", "-o", help="Folder of the data set.  [default: NAME]")
    ] = None,
    origin: Annotated[
        str | None, Option("--from", metavar="URL|FILE", help="Take this archive instead (tar, tar.gz).")
    ] = None,
    accepted: Annotated[
        bool, Option("--accept-licence", help="Say that you have accepted what cityscapes asks.")
    ] = False,
) -> None:
    """Fetch a data set of the paper. The same command again continues what broke off.

    \b
    pix2pix data fetch facades
    pix2pix data fetch maps -o data/maps --from ~/downloads/maps.tar.gz
    """
    from pix2pix.datasets import fetch as fetching

    sets = fetching.data_sets()
    if name not in sets:
        raise UserError(f"There is no data set {name}: wanted one of {', '.join(sets)}.")
    data_set, folder = sets[name], out or Path(name)
    fetched = fetching.fetch(data_set, folder, origin, accepted, console_progress())
    print(f"{folder}: {_counted(fetched.pairs)}; left {data_set.left}, right {data_set.right}")
    if data_set.pairs and fetched.pairs != data_set.pairs:
        print(f"note: the authors' archive holds {_counted(data_set.pairs)}", file=sys.stderr)
    print(f"next: pix2pix train {folder} --set data.source={data_set.source}")


@data_app.command()
def check(
    data: Annotated[list[str], Argument(help="As for train: a folder of pairs, two folders, a manifest.")],
    out: Annotated[Path, Option("--out", "-o", help="Folder of the report.")] = Path("report"),
    source: Annotated[
        str | None, Option(help="left or right: the half of side-by-side pictures that is the source.")
    ] = None,
    layout: Layout = None,
    pair: PairNames = None,
    settings: Settings = None,
) -> None:
    """Read every pair once and report what is wrong with which file.

    \b
    pix2pix data check facades --source right -o facades-report
    pix2pix data check heights --set 'data.target_fill=[-9999]'
    """
    from pix2pix.config import Config
    from pix2pix.data.origins import find_data
    from pix2pix.datasets import check as checking

    half = [f"data.source={source}"] * (source is not None)
    config = Config.load(None, [*(settings or ()), *half, *layout_settings(layout, pair)])
    for key, _, _ in config.differences(Config()):
        if key not in _CHECKED_BY:
            uses = ", ".join(sorted(_CHECKED_BY))
            raise UserError(f"{key} has no effect here: data check uses {uses}.", "Leave it out.")
    with counting("unpacking", "bytes") as on_progress:
        pairs = find_data(data, config.data, on_progress, command="data check")
    with counting("checking", "pairs") as on_progress:
        report = checking.check(pairs, on_progress, config.data)
    page = checking.write_report(report, out)
    print_facts(checking.facts_of(report).items())
    print(*map(printable, checking.summary(report.findings)), f"report: {page}", sep="\n")
    raise typer.Exit(report.exit_code)


@data_app.command()
def palette(
    data: Annotated[str, Argument(help="Folder, archive or glob of label maps, or of pairs as for train.")],
    half: Annotated[
        str, Option(help="left, right, source or target: the half of pairs with the labels.")
    ] = "whole",
    layout: Layout = None,
    pair: PairNames = None,
) -> None:
    """Print the palette that label maps share, as TOML for data.source_labels.

    \b
    pix2pix data palette facades --half right > classes.toml
    pix2pix data palette eyes --half target > classes.toml
    """
    from pix2pix.data.labels import label_halves
    from pix2pix.data.origins import refuse_listed
    from pix2pix.pairs.pair_set import evenly_spread
    from pix2pix.pictures import codec, geometry
    from pix2pix.pictures.find_palette import palette_report

    side = choice("--half", half, ("whole", "left", "right", "source", "target"))
    refuse_listed(data)
    unpacked = _unpacked(data)
    with unpacked.naming():
        halves = label_halves(unpacked.words[0], side, layout or "", pair or ())
        sample = evenly_spread(halves, _PALETTE_PICTURES)  # a palette shows in a few hundred
        lines = palette_report(
            lambda: (geometry.half(codec.read(h.path), h.side, str(h.path)) for h in sample), data
        )
    print(*lines, sep="\n")


@data_app.command()
def split(
    data: Annotated[list[str], Argument(help="Folder, archive or glob of pairs, or two: sources, targets.")],
    out: Out,
    val: Annotated[float, Option(min=0, max=1, help="Share to validate on.")] = 0.1,
    test: Annotated[float, Option(min=0, max=1, help="Share to test on.")] = 0.0,
    seed: Annotated[int | None, Option(help="Another seed gives other splits.")] = None,
    by: Annotated[
        str, Option(metavar="folder|REGEX", help="Keep pairs together: of a folder, or by their names.")
    ] = "",
    layout: Layout = None,
    pair: PairNames = None,
    link: Annotated[bool, Option("--link", help="Hard links instead of copies.")] = False,
    force: Force = False,
) -> None:
    """Copy pairs into train, val and test, by name: a pair stays in its split when others come.

    \b
    pix2pix data split photos -o pairs --val 0.1 --test 0.1
    pix2pix data split labels photos -o pairs --link
    pix2pix data split frames -o pairs --by '(video[0-9]+)_'
    """
    from pix2pix.datasets.split import split as split_pairs

    work = partial(split_pairs, out=out, val=val, test=test, seed=seed, by=by, link=link, force=force)
    _prepare("copying", "pair", out, data, partial(work, layout=layout or "", pair=pair or ()))


@data_app.command()
def combine(
    sources: Annotated[str, Argument(help="Folder, archive or glob of sources.")],
    targets: Annotated[str, Argument(help="The same of targets with equal names.")],
    out: Out,
    pair: PairNames = None,
    suffix: Format = None,
    force: Force = False,
) -> None:
    """Make side-by-side pictures of two folders: source left, target right, at their own depth.

    \b
    pix2pix data combine edges photos -o pairs
    """
    from pix2pix.datasets.prepare import combine as combine_pairs

    work = partial(combine_pairs, out=out, suffix=picture_suffix(suffix), pair=pair or (), force=force)
    _prepare("combining", "pair", out, [sources, targets], lambda both, **p: work(*both, **p))


@data_app.command()
def resize(
    data: Annotated[str, Argument(help="Folder, archive or glob of pictures; sub-folders are kept.")],
    out: Out,
    size: Annotated[str, Option(metavar="PX|HxW", help="256, or height and width: 256x512.")],
    pairs: Annotated[bool, Option("--pairs", help="Side by side: resize each half to --size.")] = False,
    nearest: Annotated[bool, Option("--nearest", help="For label maps: no new colours between two.")] = False,
    suffix: Annotated[str | None, Option("--format", help="png, tif, jpg...  [default: the input's]")] = None,
    force: Force = False,
) -> None:
    """Resize whole pictures, antialiased, at their own depth; the aspect is not kept.

    \b
    pix2pix data resize photos -o small --size 256
    pix2pix data resize pairs -o small --size 256x512 --pairs
    """
    from pix2pix.datasets.prepare import resize as resize_pictures

    work = partial(resize_pictures, out=out, size_px=parse_size(size), suffix=picture_suffix(suffix))
    work = partial(work, halves=pairs, nearest=nearest, force=force)
    _prepare("resizing", "picture", out, [data], lambda one, **p: work(*one, **p))


@data_app.command()
def frames(
    data: Annotated[Path, Argument(help="An animation (GIF, WebP, PNG), or a folder of them.")],
    out: Out,
    force: Force = False,
) -> None:
    """Write the frames of animations as pictures: NAME-0001.png, NAME-0002.png and so on.

    \b
    pix2pix data frames walk.gif -o frames
    """
    from pix2pix.datasets.prepare import write_frames

    work = partial(write_frames, data, out, force=force)
    _prepare("taking apart", "animation", out, [], lambda _, **p: work(**p))


@data_app.command()
def sample(
    out: Out,
    count: Annotated[int, Option(min=0, help="Pairs to learn from.")] = 400,
    val: Annotated[int, Option(min=0, help="Pairs to validate on.")] = 50,
    test: Annotated[int, Option(min=0, help="Pairs to test on.")] = 0,
    size: Annotated[int, Option(min=32, max=1024, help="Height and width in px.")] = 128,
    seed: Annotated[int, Option(min=0, help="Another seed draws other houses.")] = 0,
    drawings: Annotated[
        float,
        Option(
            metavar="SHARE", min=0, max=1, help="Of pairs to learn from: unfinished, as on a drawing page."
        ),
    ] = 0.0,
) -> None:
    """Draw procedural pairs, label maps and the houses made of them: data to try things on.

    \b
    pix2pix data sample -o houses --count 400 --size 256
    """
    from pix2pix.datasets.sample import draw

    counts = {"train": count, "val": val, "test": test}
    with counting("drawing", "pairs") as on_progress:
        draw(out, counts, size, seed, on_progress, drawings)
    print(f"{out}: {_counted({k: n for k, n in counts.items() if n})} pairs, source left")


data_app.command()(cache)


def _unpacked(*data: str) -> Unpacked:
    """Return DATA with a folder in place of each archive."""
    from pix2pix.data.unpacked import with_archives

    with counting("unpacking", "bytes") as on_progress:
        return with_archives(data, on_progress)


def _prepare(task: str, what: str, out: Path, data: Sequence[str], work: Callable[..., Done]) -> None:
    """Do the work on DATA, print what there is, name what was left out; exit code 1 where pictures were."""
    unpacked = _unpacked(*data)
    with unpacked.naming(), counting(task, f"{what}s") as on_progress:
        done = work(unpacked.words, on_progress=on_progress)
    before = sum(done.pairs.values()) - done.written
    print(f"{out}: {_counted(done.pairs)} {what}s" + (f", {before} there before" if before else ""))
    if done.ignored:
        ignored = [unpacked.named(str(path)) for path in done.ignored]
        print("not used, as no pictures of pairs:", *ignored, sep="\n  ", file=sys.stderr)
    report_failures([*map(unpacked.named, done.failures)], what, "left out")


def _counted(pairs: Mapping[str, int]) -> str:
    """Return "train 400, val 100", or "500" without splits."""
    return ", ".join(f"{split} {pairs[split]:,}".strip() for split in _ORDER if split in pairs)
