"""`pix2pix data split`, `combine`, `resize` and `frames`: pairs made of files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pix2pix.cli.common import (
    counted_by_split,
    counting,
    parse_size,
    picture_suffix,
    report_failures,
    unpacked,
)
from pix2pix.cli.options import Layout, Out, PairNames

if TYPE_CHECKING:
    from pix2pix.datasets.file_tasks import Done

Force = Annotated[bool, Option("--force", help="Replace files that exist.")]
Format = Annotated[str | None, Option("--format", help="png, tif, jpg...  [default: one that loses nothing]")]


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
    by_names = partial(work, layout=layout or "", pair=pair or ())
    _prepare("copying", "pair", out, data, lambda *words, **report: by_names(words, **report))


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
    _prepare("combining", "pair", out, [sources, targets], work)


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
    _prepare("resizing", "picture", out, [data], partial(work, halves=pairs, nearest=nearest, force=force))


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

    _prepare("taking apart", "animation", out, [], partial(write_frames, data, out, force=force))


def _prepare(task: str, what: str, out: Path, data: Sequence[str], work: Callable[..., Done]) -> None:
    """Do the work on DATA, print what there is, name what was left out; exit code 1 where pictures were."""
    archives = unpacked(*data)
    with archives.naming(), counting(task, f"{what}s") as on_progress:
        done = work(*archives.words, on_progress=on_progress)
    before = sum(done.pairs.values()) - done.written
    print(f"{out}: {counted_by_split(done.pairs)} {what}s" + (f", {before} there before" if before else ""))
    if done.ignored:
        ignored = [archives.named(str(path)) for path in done.ignored]
        print("not used, as no pictures of pairs:", *ignored, sep="\n  ", file=sys.stderr)
    report_failures([*map(archives.named, done.failures)], what, "left out")
