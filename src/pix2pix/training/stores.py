"""The decoded pairs of a run: those to learn from, and those to score or to preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pix2pix.data.pairs import NoPairError, Pair
from pix2pix.data.store import Store, open_store
from pix2pix.errors import UserError
from pix2pix.pictures import codec
from pix2pix.progress import Progress
from pix2pix.training.plan import Plan, pairs_in_words
from pix2pix.training.validation import PREVIEWS, spread_out


@dataclass(frozen=True)
class Stores:
    """`validation` holds a few training pairs, for previews alone, where it is not `scored`."""

    training: Store
    validation: Store
    scored: bool
    failures: Sequence[str]  # one sentence for each pair that was left out


def open_stores(plan: Plan, strict: bool, progress: Progress) -> Stores:
    """Decode the pairs, or open the cache: the first process before the others."""
    progress.log(f"pairs: {pairs_in_words(plan.pairs)}")
    if not plan.processes.first:
        plan.processes.wait()
    stores = _open_stores(plan, strict, progress)
    if plan.processes.first:
        plan.processes.wait()
    for failure in stores.failures:
        progress.log(f"left out: {failure}")
    if plan.pairs.validation and not stores.scored:
        progress.log("no validation pair could be used: nothing is scored")
    return stores


def _open_stores(plan: Plan, strict: bool, progress: Progress) -> Stores:
    config, pairs = plan.config, plan.pairs
    if pairs.layout == "side by side":
        _warn_of_singles(pairs.splits["train"][0].target.path, progress)

    def open_pairs(chosen: Sequence[Pair], size: tuple[int, int]) -> Store:
        return open_store(
            chosen,
            size,
            plan.reading,
            strict=strict,
            progress=lambda done, total: progress.update("reading pairs", done, total, "pairs"),
        )

    def open_spread(chosen: Sequence[Pair], count: int) -> Store:
        return open_pairs([chosen[i] for i in spread_out(chosen, count)], config.data.size)

    training, failures = open_pairs(pairs.splits["train"], config.data.resize), []
    if pairs.validation:
        try:
            validation = open_spread(pairs.validation, config.training.validate_pairs)
            failures = [*training.failures, *validation.failures]
            return Stores(training, validation, True, list(dict.fromkeys(failures)))
        except NoPairError as error:
            failures = [*error.failures]
    names = set(training.names)
    previews = open_spread([pair for pair in pairs.splits["train"] if pair.name in names], PREVIEWS)
    return Stores(training, previews, False, list(dict.fromkeys([*training.failures, *failures])))


def _warn_of_singles(first: Path, progress: Progress) -> None:
    """Report pictures that are cut in two although they have the shape of single ones."""
    try:
        height, width = codec.read(first).shape[:2]
    except UserError:
        return  # named when the pairs are decoded
    if width < 1.5 * height:
        progress.log(
            f"note: {first} is {width} x {height} px and is cut in two as a pair side by side; if "
            "it is one picture, give two folders (sources, targets), or make sources with --make"
        )
