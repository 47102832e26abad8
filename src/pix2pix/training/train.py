"""From a folder of pairs to a model: put the parts together, take up a stopped run, train."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from rich.console import Console

from pix2pix.config import Config
from pix2pix.data.batches import Loader
from pix2pix.data.feed import PacketSource, find_feed
from pix2pix.data.origins import find_data
from pix2pix.data.pairs import Pair, PairSet
from pix2pix.data.reading import Reading, find_reading
from pix2pix.data.store import NoPairError, Store, open_store
from pix2pix.derive import recipe
from pix2pix.device import describe, is_out_of_memory, pick_device, pick_precision, set_precision
from pix2pix.errors import UserError
from pix2pix.model_file import Header, ImageContract, Provenance, load_model, versions
from pix2pix.networks import empty_generator
from pix2pix.networks.noise import noise_keys
from pix2pix.pictures import codec
from pix2pix.progress import Progress
from pix2pix.training.distributed import Processes, join_processes, leave_processes
from pix2pix.training.engine import Setting, make_engine, pick_engine
from pix2pix.training.loop import Session, fit
from pix2pix.training.meter import Meter
from pix2pix.training.resume import take_up
from pix2pix.training.run_folder import Run
from pix2pix.training.saver import Saver
from pix2pix.training.state import State, new_state
from pix2pix.training.validation import PREVIEWS, examples, spread_out

Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Result:
    """What training came to."""

    model: Path
    finished: bool  # False where the user stopped it; the same call goes on
    images_seen: int
    scores: dict[str, float]
    failures: Sequence[str]  # one sentence for each pair that could not be used
    first: bool = True  # of several processes the one that tells


def train(
    data: Sequence[str | Path],
    config: Config,
    run: str | Path,
    *,
    device: str = "auto",
    engine: str = "auto",
    precision: str = "auto",
    init: str | Path | None = None,
    strict: bool = False,
    console: Console | None = None,
) -> Result:
    """Train on a folder of pairs, or on two folders (sources, targets), into the folder `run`.

    The same call again continues a run that was stopped, and a larger `training.images` one that
    was finished. `engine` is auto, plain or graph, `precision` auto, fp32, tf32 or bf16. `init`
    starts a new run from a model's weights. `strict` raises at the first pair that cannot be read.
    `console` is told how it goes. Raises UserError for a request that cannot be met; then nothing
    was written. Where torchrun started several processes, they train together.
    """
    processes, device = join_processes(device)
    folder, progress = Run(Path(run)), Progress(console if processes.first else None)
    chosen = pick_device(device)
    how = pick_engine(engine, chosen), pick_precision(precision, chosen)
    set_precision(how[1])
    try:
        processes.check(config.training.batch)
        pairs = find_data(data, config.data)
        reading = find_reading(pairs.splits["train"], config)
        found = reading.source.tensor_channels, reading.target.tensor_channels
        config = config.with_channels(*found)
        folder.check(config)
        empty_generator(config)  # an unknown one is refused before anything is written
        learned, looked_at, scored = _open_in_turn(
            processes, lambda: _open_stores(pairs, config, reading, strict, progress)
        )
        header = _header(config, pairs, learned, init)
        state = new_state(config, chosen)
        if init is not None and not folder.state.is_file():
            _start_from(state, Path(init), chosen)
        feed = find_feed(Loader(learned, config.data, config.training.batch, config.training.seed), chosen)
        setting = Setting(state, config, feed, Meter(), chosen, how[1], processes)
        facts = {**_facts(config, pairs, chosen), "engine": f"{how[0]}, {how[1]}"}
        progress.log(
            f"engine: {how[0]}, {how[1]}, on {describe(chosen)}, pairs {feed.name}{processes.in_words()}"
        )
        if processes.first:
            folder.open()
        session = Session(
            config,
            state,
            folder,
            PacketSource(feed, chosen, processes.share, partial(noise_keys, config.training.seed)),
            make_engine(how[0], setting),
            looked_at,
            scored,
            chosen,
            header,
            facts,
            progress,
            setting.meter,
            processes,
            Saver(background=chosen.type == "cuda"),
        )
        take_up(session)
        if processes.first:
            folder.describe(config, _environment(data, learned, session.facts, processes))
            folder.save_examples(examples(looked_at))
        finished = fit(session)
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise _too_large(config, chosen) from None
        raise
    finally:
        progress.close()
        folder.close()
    session.engine.close()
    leave_processes()
    failures = list(dict.fromkeys([*learned.failures, *looked_at.failures]))
    return Result(folder.model, finished, state.images_seen, session.scores, failures, processes.first)


def _environment(
    data: Sequence[str | Path], learned: Store, facts: Mapping[str, str], processes: Processes
) -> dict[str, object]:
    return {
        **versions(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": facts["device"],
        "engine": facts["engine"],
        "processes": processes.world,
        "command": sys.argv,
        "data": [str(d) for d in data],
        "data_digest": learned.digest,
    }


def _open_in_turn(processes: Processes, opened: Callable[[], Opened]) -> Opened:
    """Let one process decode the pairs, and the others open what it made."""
    if processes.first:
        result = opened()
        processes.wait()
        return result
    processes.wait()
    return opened()


def _open_stores(
    pairs: PairSet, config: Config, reading: Reading, strict: bool, progress: Progress
) -> tuple[Store, Store, bool]:
    """The pairs to learn from; those to look at, of validation or a few of training; if scored."""
    progress.log(_in_words(pairs))
    if pairs.layout == "side by side":
        _warn_of_singles(pairs.splits["train"][0].target.path, progress)

    def opened(some: Sequence[Pair], size: tuple[int, int]) -> Store:
        return open_store(
            some,
            size,
            reading,
            strict=strict,
            progress=lambda done, total: progress.update("reading pairs", done, total, "pairs"),
        )

    learned = opened(pairs.splits["train"], config.data.resize)

    def looked(some: Sequence[Pair], count: int) -> Store:
        return opened([some[i] for i in spread_out(some, count)], config.data.size)

    scored, failures = bool(pairs.validation), []
    if scored:
        try:
            looked_at = looked(pairs.validation, config.training.validate_pairs)
        except NoPairError as error:
            scored, failures = False, [*error.failures]
    if not scored:
        names = set(learned.names)
        usable = [pair for pair in pairs.splits["train"] if pair.name in names]
        looked_at = replace(looked(usable, PREVIEWS), failures=failures)
    for failure in dict.fromkeys([*learned.failures, *looked_at.failures]):
        progress.log(f"left out: {failure}")
    if failures:
        progress.log("no validation pair could be used: nothing is scored")
    return learned, looked_at, scored


def _warn_of_singles(first: Path, progress: Progress) -> None:
    """Say so where pictures that are cut in two look as if they were single ones."""
    try:
        height, width = codec.read(first).shape[:2]
    except UserError:
        return  # named when the pairs are decoded
    if width < 1.5 * height:
        progress.log(
            f"note: {first} is {width} x {height} px and is cut in two as a pair side by side; if "
            "it is one picture, give two folders (sources, targets), or make sources with --make"
        )


def _in_words(pairs: PairSet) -> str:
    counts = ", ".join(f"{len(some):,} {split}" for split, some in pairs.splits.items())
    return f"pairs: {counts} ({pairs.layout}{'; ' + pairs.note if pairs.note else ''})"


def _header(config: Config, pairs: PairSet, learned: Store, init: str | Path | None) -> Header:
    return Header(
        config=config,
        image=ImageContract(
            source=learned.reading.source,
            target=learned.reading.target,
            layout=pairs.layout,
            half=config.data.source,
            made=str(recipe.parse(config.data.make)) if config.data.make else "",
            photograph=learned.reading.photograph,
        ),
        mode=config.default_mode,
        provenance=Provenance(
            images_seen=0,
            pairs=len(learned),
            data_digest=learned.digest,
            scores={},
            versions=versions(),
            initialised_from=str(init) if init else None,
        ),
    )


def _facts(config: Config, pairs: PairSet, device: torch.device) -> dict[str, str]:
    """What the run's page says above the curves."""
    model, objective, training = config.model, config.objective, config.training
    adversarial = "cGAN" if objective.conditional else "GAN"
    near = "cross-entropy" if config.data.target_one_hot else "L1"
    terms = [f"{objective.l1:g} {near}"] * bool(objective.l1)
    terms += [f"{objective.gan:g} {adversarial} ({objective.adversarial})"] * bool(objective.gan)
    return {
        "data": _in_words(pairs).removeprefix("pairs: "),
        "pictures": f"{model.source_channels} -> {model.target_channels} channels, "
        f"{' x '.join(map(str, config.data.size))} px",
        "generator": f"{model.generator}, width {model.width}",
        "discriminator": f"{model.discriminator_px} px patches" if objective.gan else "none",
        "objective": " + ".join(terms),
        "batch": f"{training.batch}, learning rate {training.learning_rate:g}",
        "inference mode": config.default_mode,
        "device": describe(device),
    }


def _start_from(state: State, model: Path, device: torch.device) -> None:
    """Put a model's weights into a fresh generator; raises UserError where they do not fit."""
    given, header = load_model(model, device)
    wanted = {name: tuple(t.shape) for name, t in state.generator.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in given.state_dict().items()}
    if wanted != found:
        asked = f"--set model.width={header.config.model.width}"
        raise UserError(
            f"{model} holds another generator ({header.config.model.generator}, width "
            f"{header.config.model.width}, {header.config.data.size_px} px, norm "
            f"{header.config.model.norm}) than the one asked for.",
            f"Ask for the same model.* and data.size_px as it has, for example {asked}.",
        )
    state.generator.load_state_dict(given.state_dict())


def _too_large(config: Config, device: torch.device) -> UserError:
    return UserError(
        f"Out of memory on {describe(device)} with batches of {config.training.batch} at "
        f"{config.data.size[0]} x {config.data.size[1]} px and width {config.model.width}.",
        "Lower training.batch, model.width or data.size_px; what was saved is kept.",
    )
