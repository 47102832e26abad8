"""A run under way: its decoded pairs, what steps work on, what it remembers, and how it resumes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from typing import Any

from pix2pix.config import Config
from pix2pix.data.labels import hints
from pix2pix.data.store import Store, open_store
from pix2pix.derive import recipe
from pix2pix.errors import UserError
from pix2pix.model_file import Header, ImageContract, Provenance, damaged, versions
from pix2pix.pairs.find import NoPairError, Pair
from pix2pix.pairs.pair_set import evenly_spread, folder_names
from pix2pix.pictures import codec
from pix2pix.progress import Progress
from pix2pix.training.plan import Plan, pairs_in_words
from pix2pix.training.selection import Best, RealFeatures
from pix2pix.training.state import load_state
from pix2pix.training.step import EngineContext, learning_rate
from pix2pix.training.validation import PREVIEWS


@dataclass(frozen=True)
class Stores:
    """`validation` holds a few training pairs, for previews alone, where it is not `scored`."""

    training: Store
    validation: Store
    scored: bool
    failures: Sequence[str]  # one sentence for each pair that was left out


@dataclass
class Record:
    """What a saved state remembers besides its tensors."""

    data_digest: str
    engine: str
    processes: int
    images: int  # training.images, by which the learning rate falls
    initialised_from: str | None = None
    feature_networks: tuple[str, ...] = ()  # of the losses, and of the model that it began with
    seconds: float = 0.0  # of training, earlier starts included
    scores: dict[str, float] = field(default_factory=dict)
    scored_at: int | None = None  # images seen when the scores were taken

    @property
    def current_engine(self) -> str:
        """Return the engine without those of earlier starts, which follow it in `engine`."""
        return self.engine.partition(";")[0]


@dataclass
class Session:
    """All that the loop works with."""

    plan: Plan
    stores: Stores
    context: EngineContext
    record: Record
    progress: Progress
    saved_at: int | None = None  # images seen at the last save
    best: Best | None = None  # where training.best names what chooses
    real_features: RealFeatures = field(default_factory=RealFeatures)

    def remembered(self) -> dict[str, Any]:
        """Return what is saved with the state, as JSON."""
        return asdict(self.record) | {
            "metrics_bytes": self.plan.folder.metrics_bytes(),
            "meter": self.context.meter.pack(),
            "decay_from": self.context.state.decay_from,
        }

    def header(self) -> Header:
        """Return the model file's header as of now."""
        config, reading, record = self.plan.config, self.stores.training.reading, self.record
        return Header(
            config=config,
            image=ImageContract(
                source=reading.source,
                target=reading.target,
                layout=self.plan.pairs.layout,
                half=config.data.source,
                made=str(recipe.parse(config.data.make)) if config.data.make else "",
                photograph=reading.photograph,
                folders=folder_names(self.plan.pairs),
            ),
            mode=config.default_mode,
            provenance=Provenance(
                images_seen=self.context.state.images_seen,
                pairs=len(self.stores.training),
                data_digest=record.data_digest,
                scores=record.scores,
                scored_at_images=record.scored_at,
                versions=versions(),
                initialised_from=record.initialised_from,
                feature_networks=record.feature_networks,
                feature_network=network.identity if (network := self.plan.features.network) else None,
            ),
        )


def open_stores(plan: Plan, strict: bool, progress: Progress) -> Stores:
    """Decode the pairs, or open the cache: the first process before the others."""
    progress.log(f"pairs: {pairs_in_words(replace(plan.pairs, notes=()))}")
    for note in plan.pairs.notes:
        progress.log(f"  {note}")
    found = hints(plan.config, plan.pairs.splits["train"]) if plan.processes.first else []
    for note in (*found, *plan.reading.notes, *_other_ranges(plan)):
        progress.log(f"note: {note}")
    if not plan.processes.first:
        plan.processes.gather("waiting for the cache")
    stores = _open_stores(plan, strict, progress)
    if plan.processes.first:
        plan.processes.gather("decoded")
    for failure in stores.failures:
        progress.log(f"left out: {failure}")
    if plan.features.best and not stores.scored:
        raise UserError(
            "training.best chooses a model by the validation pairs, and none can be used.",
            f"The first of them: {stores.failures[0]}",
        )
    if plan.pairs.validation and not stores.scored:
        progress.log("no validation pair could be used: nothing is scored")
    return stores


def _other_ranges(plan: Plan) -> Iterator[str]:
    """Yield a sentence for each stated range that a run which continues did not begin with."""
    data, reading = plan.config.data, plan.reading
    for half, contract in (("source", reading.source), ("target", reading.photograph or reading.target)):
        if (stated := getattr(data, f"{half}_range")) and stated != [contract.low, contract.high]:
            yield (
                f"data.{half}_range has no effect in this run, which began with {contract.low:g} to "
                f"{contract.high:g} and goes on so; another --run takes it"
            )


def _open_stores(plan: Plan, strict: bool, progress: Progress) -> Stores:
    config, pairs = plan.config, plan.pairs
    if pairs.layout == "side by side" and not config.data.layout:
        _warn_of_singles(pairs.splits["train"][0], progress)

    open_pairs = partial(
        open_store,
        reading=plan.reading,
        strict=strict,
        progress=progress.counter("reading pairs", "pairs"),
        note=lambda sentence: progress.log(f"note: {sentence}"),
    )

    def open_spread(chosen: Sequence[Pair], count: int) -> Store:
        return open_pairs(evenly_spread(chosen, count), config.data.size)

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


def _warn_of_singles(pair: Pair, progress: Progress) -> None:
    """Report pictures that are cut in two although they have the shape of single ones."""
    try:
        height, width = codec.read(pair.target.path).shape[:2]
    except UserError:
        return  # named when the pairs are decoded
    if width < 1.5 * height:
        progress.log(
            f"note: {pair.target.path} is {width} x {height} px and is cut in two as a pair side by side; if "
            "it is one picture, give two folders (sources, targets), or make sources with --make"
        )


def resume(session: Session) -> None:
    """Load the saved state in the first process, and send it to the others."""
    context, state = session.context, session.context.state
    if context.processes.first:
        _load(session)
    shared = state.images_seen, state.decay_from, context.meter.pack()
    state.images_seen, state.decay_from, sums = context.processes.gather(shared)[0]
    context.meter.unpack(sums)
    context.processes.copy_from_first(state.tensors())


def _load(session: Session) -> None:
    """Load the saved state, if there is one, and cut away what was written after it."""
    folder, state = session.plan.folder, session.context.state
    if not folder.state.is_file():
        folder.cut(0, 0)
        return
    try:
        saved = load_state(folder.state, state, session.context.device)
    except UserError as error:
        raise UserError(
            error.message, f"The model is kept: train into another --run with --init {folder.model}."
        ) from None
    try:
        _refuse_other_run(session, saved)
        _continue_schedule(session, saved)
        _continue_record(session, saved)
        session.context.meter.unpack(saved["meter"])
        folder.cut(saved["metrics_bytes"], state.images_seen)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(folder.state, error) from None
    if folder.model.is_file():  # the first save may have ended between its state and its model
        session.saved_at = state.images_seen
    session.progress.log(f"continuing {folder.path} at image {state.images_seen:,}")


def _refuse_other_run(session: Session, saved: Mapping[str, Any]) -> None:
    folder, training = session.plan.folder, session.plan.config.training
    seen = session.context.state.images_seen
    # The last batch may have gone a little beyond the requested length.
    if seen - training.batch >= training.images:
        raise UserError(
            f"{folder.path} has already seen {seen:,} images, more than the {training.images:,} requested.",
            "Set a larger training.images with --set, or choose another --run.",
        )
    if saved["data_digest"] != session.record.data_digest:
        raise UserError(
            f"{folder.path} was trained on other pairs than these: it cannot go on exactly.",
            f"Choose another --run; with --init {folder.model} it begins with its weights.",
        )
    # Its first weights may have learned from a network that its own losses do not use.
    session.plan.features.refuse_learned(saved.get("feature_networks", ()))


def _continue_schedule(session: Session, saved: Mapping[str, Any]) -> None:
    """Carry a falling learning rate over a raised `training.images`, as `training.extend` says."""
    training, state = session.plan.config.training, session.context.state
    state.decay_from = tuple(saved["decay_from"]) if saved.get("decay_from") else None
    # States of before this setting do not say their length, but the run's configuration does.
    images = saved.get("images") or Config.load(session.plan.folder.written_config).training.images
    if training.images <= images:
        return
    before = training.model_copy(update={"images": images})
    stood = learning_rate(before, state.images_seen, state.decay_from)
    restarted = learning_rate(training, state.images_seen)
    state.decay_from = None
    if restarted <= stood:
        return
    raised = f"training.images was raised from {images:,} to {training.images:,}"
    if training.extend == "restart":
        hint = "; training.extend=decay lets it decay from there" if stood else ""
        session.progress.log(
            f"note: {raised}: the learning rate goes up from {stood:g} to {restarted:g}{hint}"
        )
    elif stood == 0:
        raise UserError(
            f"{raised}, but the learning rate of {session.plan.folder.path} has fallen to 0: "
            "training.extend=decay has nothing to decay from.",
            f"Use --set training.extend=restart: it goes up to {restarted:g}.",
        )
    else:
        state.decay_from = state.images_seen, stood
        session.progress.log(f"note: {raised}: the learning rate decays from {stood:g} to 0")


def _continue_record(session: Session, saved: Mapping[str, Any]) -> None:
    """Keep what the run remembers, and report what is done in another way from now on."""
    record, log, seen = session.record, session.progress.log, session.context.state.images_seen
    continued = replace(record, **{f.name: saved[f.name] for f in fields(Record) if f.name in saved})
    if record.initialised_from not in (None, continued.initialised_from):
        log("note: --init is for new runs; this one goes on with its own weights")
    if continued.current_engine not in ("", record.engine):
        log(f"note: it was trained by {continued.current_engine} and goes on with {record.engine}")
        continued.engine = f"{record.engine}; until image {seen:,} {continued.engine}"
    if continued.processes != record.processes:
        log(
            f"note: it was trained by {continued.processes} process{'es' * (continued.processes > 1)} and "
            f"goes on with {record.processes}: the same images in the same order, sums rounded otherwise"
        )
    continued.engine, continued.processes = continued.engine or record.engine, record.processes
    continued.images = record.images
    session.record = continued
