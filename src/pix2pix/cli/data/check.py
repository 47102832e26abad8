"""`pix2pix data check` and `data palette`: what pairs are, and what is wrong with which file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from pix2pix.cli.common import choice, counting, layout_settings, print_facts, unpacked
from pix2pix.cli.options import Layout, PairNames, Settings
from pix2pix.errors import UserError, printable

_PALETTE_PICTURES = 400
# Settings of training that say what the pairs are.
_CHECKED_BY = {
    *(f"data.{key}" for key in ("source", "layout", "pair")),
    *(f"data.{half}_{key}" for half in ("source", "target") for key in ("column", "fill", "range")),
}


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
    archives = unpacked(data)
    with archives.naming():
        halves = label_halves(archives.words[0], side, layout or "", pair or ())
        sample = evenly_spread(halves, _PALETTE_PICTURES)  # a palette shows in a few hundred
        lines = palette_report(
            lambda: (geometry.half(codec.read(h.path), h.side, str(h.path)) for h in sample), data
        )
    print(*lines, sep="\n")
