"""From pairs to a model: plan the run, decode its pairs, resume where it stopped, train."""

import platform
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from pix2pix.config import Config
from pix2pix.data.batches import Loader
from pix2pix.data.feed import find_feed
from pix2pix.device import describe, explain_out_of_memory
from pix2pix.errors import UserError
from pix2pix.model_file import Header, load_model, versions
from pix2pix.progress import Progress
from pix2pix.training.agreement import agree_on_data, agree_on_plan
from pix2pix.training.distributed import process_group
from pix2pix.training.logs import check_logs, open_logs
from pix2pix.training.loop import fit
from pix2pix.training.plan import MEMORY_HINT, Plan, length_in_words, make_plan, step_in_words
from pix2pix.training.run_folder import RunFolder
from pix2pix.training.selection import find_best
from pix2pix.training.session import Record, Session, Stores, open_stores, resume
from pix2pix.training.state import Meter, State, new_state, saved_images
from pix2pix.training.step import EngineContext, feature_networks
from pix2pix.training.validation import examples


@dataclass(frozen=True)
class Result:
    """The outcome of training."""

    model: Path
    finished: bool  # False where the user stopped it; the same call goes on
    images_seen: int
    scores: dict[str, float]
    failures: Sequence[str]  # one sentence for each pair that could not be used
    first: bool = True  # of several processes the one that reports
    best: Path | None = None  # the model that training.best has chosen


def train(
    data: Sequence[str | Path],
    config: Config,
    run: str | Path,
    *,
    device: str = "auto",
    engine: str = "auto",
    precision: str = "auto",
    epochs: int | None = None,
    init: str | Path | None = None,
    strict: bool = False,
    console: Console | None = None,
    note: str = "",
    logs: str | Sequence[str] = (),
) -> Result:
    """Train on a folder of pairs, or on two folders (sources, targets), into the folder `run`.

    The same call again continues a run that was stopped, and a larger `training.images` one that was
    finished. `epochs` states the images by pairs. `engine` is auto, plain or graph, `precision` auto, fp32,
    tf32 or bf16. `init` starts a new run from a model's weights. `strict` raises at the first pair that
    cannot be read. `logs` is "tensorboard", "wandb" or a list of both, besides metrics.jsonl. Progress is
    printed on `console`, `note` first. Where torchrun started several processes, they train together.

    Raises UserError for a request that cannot be met. Nothing was written then, except where a log cannot
    begin: the same call goes on once it can.
    """
    logs = [logs] if isinstance(logs, str) else logs
    check_logs(logs)
    folder = RunFolder(Path(run))
    with process_group(device, partial(how_to_go_on, folder)) as (processes, device):
        progress = Progress(console if processes.first else None)
        how = {"device": device, "engine": engine, "precision": precision}
        unpacking = progress.counter("unpacking", "bytes")
        plan = make_plan(data, config, run, **how, epochs=epochs, processes=processes, on_progress=unpacking)
        plan = agree_on_plan(plan)
        with closing(plan.folder), closing(progress):
            if note:
                progress.log(note)
            if epochs is not None:
                progress.log(f"length: {length_in_words(plan)}")
            return _run(plan, Path(init) if init else None, strict, progress, logs)


def how_to_go_on(folder: RunFolder) -> str:
    """Return what of a run that ended is on disk, and how it goes on, as a sentence."""
    seen = saved_images(folder.state)
    if seen is None:
        return (
            f"No state is in {folder.path} here: the same command goes on from what the first process saved."
        )
    return f"The state of image {seen:,} in {folder.path} is good: the same command goes on from there."


def _run(plan: Plan, init: Path | None, strict: bool, progress: Progress, logs: Sequence[str]) -> Result:
    """Carry out a plan."""
    stores = open_stores(plan, strict, progress)
    agree_on_data(plan, stores.training.digest)
    with explain_out_of_memory(plan.device, f"training in {step_in_words(plan.config)}", MEMORY_HINT):
        session = _start(plan, stores, init, progress)
        if plan.processes.first:
            plan.folder.lock()
            plan.folder.check(plan.config)  # another run may have begun and ended since it was planned
        resume(session)
        if plan.processes.first:
            plan.folder.write_request(plan.config, _environment(session))
            plan.folder.save_examples(examples(stores.validation))
            seen = session.context.state.images_seen
            if seen < plan.config.training.images:
                plan.folder.logs = open_logs(logs, plan.folder.path, plan.config, seen, progress.log)
        finished = fit(session)
    seen, scores = session.context.state.images_seen, session.record.scores
    best = plan.folder.best if session.best else None
    return Result(plan.folder.model, finished, seen, scores, stores.failures, plan.processes.first, best)


def _start(plan: Plan, stores: Stores, init: Path | None, progress: Progress) -> Session:
    """Build networks and feed of a run that has seen nothing yet."""
    config, training = plan.config, plan.config.training
    state = new_state(config, plan.device)
    learned_from = feature_networks(config)
    if init is not None and not plan.folder.state.is_file():
        learned_from |= {*_load_weights(state, init, plan).provenance.feature_networks}
        plan.features.refuse_learned(learned_from)
    feed = find_feed(Loader(stores.training, config.data, training.batch, training.seed), plan.device)
    context = EngineContext(
        state, config, feed, Meter(plan.device), plan.device, plan.precision, plan.processes
    )
    engine = plan.engine_in_words
    if "unrecorded" in engine:
        progress.log("note: steps are recorded on NVIDIA's GPUs alone; here the same steps run unrecorded")
    world = plan.processes.world
    progress.log(
        f"engine: {engine}, on {describe(plan.device)}, pairs {feed.name}"
        + (f", {world} processes" if world > 1 else "")
    )
    began_with = str(init) if init else None
    networks = tuple(sorted(learned_from))
    record = Record(stores.training.digest, engine, world, training.images, began_with, networks)
    session = Session(plan, stores, context, record, progress)
    if plan.processes.first and plan.features.best:
        network = plan.features.network
        session.best = find_best(plan.folder.best, config, network.identity if network else None)
        if session.best is None and plan.folder.best.is_file():
            progress.log(f"note: {plan.folder.best} was chosen by other measures or pairs: it is chosen anew")
    return session


def _load_weights(state: State, model: Path, plan: Plan) -> Header:
    """Put a model's weights into a fresh generator and return its header.

    Raises UserError where they do not fit.
    """
    trained, header = load_model(model, plan.device)
    fitting = {name: tensor.shape for name, tensor in state.generator.state_dict().items()}
    if fitting != {name: tensor.shape for name, tensor in trained.state_dict().items()}:
        config = header.config
        raise UserError(
            f"{model} holds another generator ({config.model.generator}, width {config.model.width}, "
            f"{config.model.source_channels} -> {config.model.target_channels} channels, "
            f"{config.data.size_px} px, norm {config.model.norm}) than the one requested.",
            f"Request what it has: {_requests(config, plan.config)}.",
        )
    for network in (state.generator, state.average):
        if network is not None:
            network.load_state_dict(trained.state_dict())
    return header


def _requests(have: Config, requested: Config) -> str:
    """Return the options that request a generator as one configuration has it, where another differs."""
    options = [
        f"--set {key}={value}"
        for key, value, _ in have.differences(requested)
        if key == "data.size_px" or (key.startswith("model.") and "discriminator" not in key)
    ]
    return " ".join(options)


def _environment(session: Session) -> dict[str, object]:
    """Return where and from what the run is made, for environment.json."""
    plan, record = session.plan, session.record
    return {
        **versions(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": describe(plan.device),
        "engine": record.engine,
        "processes": plan.processes.world,
        "command": sys.argv,
        "data": [str(d) for d in plan.data],
        "data_digest": record.data_digest,
    }
