"""The range of the values of sources and targets, and what stands for pixels without data in them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pix2pix.errors import UserError
from pix2pix.pairs.find import Pair
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import LARGEST, Fill, PictureContract
from pix2pix.pictures.missing import tag_of
from pix2pix.pictures.spread import Spread, merged, remark, spread_of
from pix2pix.progress import in_parallel


def find_fill(
    contract: PictureContract, half: str, stated: Sequence[float], files: Sequence[Path]
) -> Fill | None:
    """Return what stands for pixels without data: the stated value, what files name, or NaN in floats."""
    if contract.classes:
        return None
    tags = {tag_of(path) for path in files} if not stated else set()
    named = [*stated] or sorted({tag for tag in tags if tag is not None})
    if len(named) > 1 and contract.depth != "float32":
        raise UserError(
            f"The {half}s name different values for pixels without data: {named[0]:g} and {named[1]:g}.",
            f"Write one value into all files, or state one: --set 'data.{half}_fill=[{named[0]:g}]'.",
        )
    if not stated and None in tags and contract.depth != "float32":
        named = []  # a level of the files that name no such value
    fill = float(named[0]) if named else np.nan
    if contract.depth == "float32":
        return "nan" if np.isnan(fill) else fill
    is_level = 0 <= fill <= LARGEST[contract.depth] and fill == round(fill)
    if stated and not is_level:
        raise UserError(
            f"data.{half}_fill is {fill:g}, which the {half}s, {contract.depth}, do not hold.",
            "Name the value as it is in the files.",
        )
    return fill if is_level else None


def with_ranges(
    contracts: Sequence[PictureContract],
    stated: Sequence[Sequence[float]],
    pairs: Sequence[Pair],
    probed: Sequence[Sequence[Array]],
    read: Callable[[Pair], Sequence[Array]],
) -> tuple[list[PictureContract], tuple[str, ...]]:
    """Return the contracts with their ranges, and notes on ranges that were not stated.

    A range is the stated one, that of the depth, or measured on all pairs, both halves in one pass.
    """
    measured = [
        not (of_user or contract.classes) for contract, of_user in zip(contracts, stated, strict=True)
    ]
    floats = [m and c.depth == "float32" for m, c in zip(measured, contracts, strict=True)]
    fills = [contract.fill if isinstance(contract.fill, float) else None for contract in contracts]

    def spreads_of(arrays: Sequence[Array]) -> list[Spread | None]:
        halves = arrays[-len(contracts) :]  # of photographs the target alone
        return [spread_of(array, fill) for array, fill in zip(halves, fills, strict=True)]

    if any(floats):
        measured_pairs = in_parallel(pairs, lambda pair: spreads_of(read(pair)))
        spreads = [result for _, result in measured_pairs if not isinstance(result, UserError)]
    else:
        spreads = [spreads_of(pair) for pair in probed]
    ranged, notes = [], []
    for number, (contract, of_user) in enumerate(zip(contracts, stated, strict=True), -len(contracts)):
        low, high = of_user or (contract.low, contract.high)
        spread = merged(pair[number] for pair in spreads) if measured[number] else None
        if spread and floats[number]:
            low, high = spread.low, spread.high
            high = high if high > low else low + 1
        half = ("source", "target")[number]
        if spread and spread.missing and contract.fill is not None:
            notes.append(_of_missing(spread, half, contract.fill))
        if spread and (odd := remark(spread, half)):
            notes.append(odd.sentence)
        ranged.append(contract.model_copy(update={"low": low, "high": high, "clip": bool(of_user)}))
    return ranged, tuple(notes)


def _of_missing(spread: Spread, half: str, fill: Fill | None) -> str:
    share = spread.missing / (spread.missing + spread.size)
    named = "NaN" if isinstance(fill, str) else f"{fill:g}"
    kept_out = "range" if half == "source" else "range, loss and scores"
    return f"{share:.2%} of the {half}s are pixels without data ({named}), kept out of {kept_out}"
