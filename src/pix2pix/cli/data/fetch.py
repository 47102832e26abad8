"""`pix2pix data fetch` and `data sample`: data sets of the paper, and procedural ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from pix2pix.cli.common import console_progress, counted_by_split, counting
from pix2pix.cli.options import Out
from pix2pix.errors import UserError


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
    print(f"{folder}: {counted_by_split(fetched.pairs)}; left {data_set.left}, right {data_set.right}")
    if data_set.pairs and fetched.pairs != data_set.pairs:
        print(f"note: the authors' archive holds {counted_by_split(data_set.pairs)}", file=sys.stderr)
    print(f"next: pix2pix train {folder} --set data.source={data_set.source}")


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
    print(f"{out}: {counted_by_split({k: n for k, n in counts.items() if n})} pairs, source left")
