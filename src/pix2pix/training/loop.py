"""The loop: steps, and now and then a line of metrics, a validation, a save.

Everything slow stands behind one early `continue`.
"""

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from pix2pix.config import TrainingConfig
from pix2pix.data.feed import PacketSource, packets, sent
from pix2pix.device import explain_out_of_memory
from pix2pix.errors import UserError
from pix2pix.model_file import save_model
from pix2pix.networks.noise import noise_keys
from pix2pix.progress import describe_losses, describe_scores
from pix2pix.reports.training_page import PageState, read_metrics, write_training_page
from pix2pix.training.captured import captured_engine
from pix2pix.training.collapse import COLLAPSED, notice, signs_in
from pix2pix.training.distributed import Processes
from pix2pix.training.plan import facts_of
from pix2pix.training.selection import Best
from pix2pix.training.session import Session
from pix2pix.training.state import add_to_average, save_state
from pix2pix.training.step import Engine, EngineName, learning_rate, plain_engine
from pix2pix.training.validation import BATCH, output_spread, preview, rounded, validate

# However long the interval in images, a slow machine never loses more than this.
_SAVE_SECONDS = 600.0
_PAGE_SECONDS = 10.0
# Several processes end together: steps between two exchanges about it.
_EXCHANGE_STEPS = 16

ENGINES: dict[EngineName, Callable[..., AbstractContextManager[Engine]]] = {
    "plain": plain_engine,
    "graph": captured_engine,
}


@dataclass
class Clock:
    """When training began and things were done last, in seconds of time.monotonic()."""

    logged_at: int  # images seen
    began: float  # earlier starts taken off
    save: float = field(default_factory=time.monotonic)
    log: float = field(default_factory=time.monotonic)
    page: float = field(default_factory=time.monotonic)


def fit(session: Session) -> bool:
    """Train until `training.images`; False where the user stopped it. Either way all is saved."""
    state, training = session.context.state, session.plan.config.training
    try:
        _write_page(session)
        if state.images_seen < training.images:
            _train(session)
        _average_over_processes(session)
        if session.saved_at != state.images_seen:
            _save(session)
    finally:
        session.progress.close()
        # The page must not say "training" any longer, and must not hide why training ended.
        with suppress(UserError):
            _write_page(session, "finished" if (session.saved_at or 0) >= training.images else "stopped")
    return state.images_seen >= training.images


def _train(session: Session) -> None:
    context, state, training = session.context, session.context.state, session.plan.config.training
    share, keys = context.processes.share, partial(noise_keys, training.seed)
    source = PacketSource(context.feed, context.device, share, keys)
    first = sent(source.packet(state.images_seen), context.device)
    with (
        ENGINES[session.plan.engine](context, first, session.progress.log) as make_step,
        stopping() as stop,
        closing(packets(source, state.images_seen)) as coming,
    ):
        clock = Clock(state.images_seen, time.monotonic() - session.record.seconds)
        for number, packet in enumerate(coming):
            overdue = time.monotonic() - clock.save > _SAVE_SECONDS
            ending, overdue = _in_any_process(context.processes, number, stop.is_set(), overdue)
            if ending or state.images_seen >= training.images:
                break
            before = state.images_seen
            make_step(packet)
            add_to_average(state, before, training)
            now = time.monotonic()
            session.record.seconds = now - clock.began

            log, validation, save = _due(training, before, state.images_seen)
            if not (log or validation or save or overdue):
                continue

            # Log
            _average_over_processes(session)
            if context.processes.first:
                _refuse_broken(session, context.meter.means())
            if log:
                _log(session, clock, now)

            # Validate
            if validation:
                _validate(session)

            # Save
            if save or overdue:
                _save(session)
                clock.save = time.monotonic()

            # Validation takes minutes. Wait in a gloo message with a day's timeout, not in NCCL's all-reduce.
            if validation or save or overdue:
                context.processes.gather(None)

            # Show
            if validation or time.monotonic() - clock.page > _PAGE_SECONDS:
                _write_page(session)
                clock.page = time.monotonic()


def _due(training: TrainingConfig, before: int, seen: int) -> list[bool]:
    """Return whether to log, to validate and to save after a step."""
    intervals = training.log_images, training.validate_images, training.save_images
    log, validation, save = (before // interval != seen // interval for interval in intervals)
    # The last model is scored wherever the intervals fall, and saved by `fit`.
    return [log, validation or seen >= training.images, save]


@contextmanager
def stopping() -> Iterator[Event]:
    """Turn the first Ctrl-C or SIGTERM into a request to end; a second one acts at once."""
    stop = Event()

    def request(number: int, frame: object) -> None:
        stop.set()
        handlers.close()

    with ExitStack() as handlers:
        with suppress(ValueError):  # only the main thread may handle signals
            for number in (signal.SIGINT, signal.SIGTERM):
                handlers.callback(signal.signal, number, signal.signal(number, request))
        yield stop


def _in_any_process(processes: Processes, number: int, *flags: bool) -> list[bool]:
    """Return each flag as set in any process; several exchange them only every few steps."""
    if processes.world > 1 and number % _EXCHANGE_STEPS:
        return [False] * len(flags)
    return processes.any_of(flags)


def _average_over_processes(session: Session) -> None:
    """Average what each process gathers alone: losses and running statistics."""
    context = session.context
    state = context.state
    statistics = [b for network in (state.generator, state.average) if network for b in network.buffers()]
    context.processes.average([*statistics, context.meter.sums])


def _write_page(session: Session, state: PageState = "training") -> None:
    if session.context.processes.first:
        session.plan.folder.require_in_place()
        write_training_page(
            session.plan.folder.path,
            title=session.plan.folder.path.resolve().name,
            images_total=session.plan.config.training.images,
            state=state,
            facts={**facts_of(session.plan), "engine": session.record.engine},
            classes=session.stores.validation.reading.target.classes,
            best=_best_in_words(session),
        )


def _log(session: Session, clock: Clock, now: float) -> None:
    """Write a line of metrics: means since the last one."""
    state, meter, training = session.context.state, session.context.meter, session.plan.config.training
    seen, losses = state.images_seen, meter.means()
    speed = (seen - clock.logged_at) / max(now - clock.log, 1e-9)
    if session.context.processes.first:
        session.plan.folder.append(
            {
                "images": seen,
                "seconds": round(session.record.seconds, 3),
                "images_per_second": round(speed, 3),
                "learning_rate": learning_rate(training, seen, state.decay_from),
                **rounded(losses),
            }
        )
    words = f"{describe_losses(speed, losses)}  {session.record.current_engine}"
    session.progress.update("training", seen, training.images, "images", words)
    meter.clear()
    clock.log, clock.logged_at = now, seen


def _validate(session: Session) -> None:
    """Score the validation pairs and keep a preview."""
    context, plan, record = session.context, session.plan, session.record
    if not context.processes.first:
        return
    seen, config = context.state.images_seen, plan.config
    doing = "scoring the validation pairs" if session.stores.scored else "drawing previews"
    session.progress.update("training", seen, config.training.images, "images", doing)
    network = (context.state.model, session.stores.validation, config.default_mode, context.device)
    size = " x ".join(map(str, config.data.size))
    with explain_out_of_memory(
        context.device,
        f"{doing}, {BATCH} at a time at {size} px with width {config.model.width}",
        "Lower data.size_px or model.width; what was saved is kept.",
    ):
        plan.folder.save_preview(seen, preview(*network))
        spread = rounded(output_spread(*network))
        if session.stores.scored:
            scores = validate(*network, plan.features, session.real_features)
            record.scores, record.scored_at = rounded(scores), seen
            _append_validation(session, {"images": seen, **record.scores, **spread})
            best = "  (the best so far)" if _keep_best(session) else ""
            session.progress.log(f"image {seen:,}: {describe_scores(record.scores)}{best}")
        elif spread:
            _append_validation(session, {"images": seen, **spread})


def _append_validation(session: Session, line: dict[str, float]) -> None:
    """Write a line of validation, and say what has collapsed by then."""
    folder = session.plan.folder
    lines = [*read_metrics(folder.metrics), line]
    if signs_in(lines):
        line[COLLAPSED] = 1
    folder.append(line)
    if sentence := notice(lines):
        session.progress.log(f"note: {sentence}")


def _keep_best(session: Session) -> bool:
    """Keep the model as the best where its score is the lowest so far."""
    record, folder = session.record, session.plan.folder
    score = record.scores.get(f"val_{session.plan.features.best}")
    if score is None or (session.best and score >= session.best.score):
        return False
    folder.require_in_place()
    save_model(folder.best, session.context.state.model, session.header())
    session.best = Best(score, session.context.state.images_seen)
    return True


def _best_in_words(session: Session) -> str:
    """Return how good the best model is and where it lies, or nothing where there is none."""
    if session.best is None:
        return ""
    score, seen = session.best.score, session.best.images_seen
    return f"{session.plan.features.best} {score:.4g} at image {seen:,}, in {session.plan.folder.best.name}"


def _save(session: Session) -> None:
    """Write the model, then the state, so that a state on disk is never newer than its model.

    The first time the state is written before the model, so that a model without a state means that the
    state was lost. Weights that are not finite never replace good ones.
    """
    state, meter, folder = session.context.state, session.context.meter, session.plan.folder
    if session.context.processes.first:
        _refuse_broken(session, meter.means() | _broken_weights(session))
        folder.require_in_place()
        first = not folder.model.is_file()
        if first:
            save_state(folder.state, state, session.remembered())
        save_model(folder.model, state.model, session.header())
        if not first:
            save_state(folder.state, state, session.remembered())
    session.saved_at = state.images_seen


def _refuse_broken(session: Session, losses: Mapping[str, float]) -> None:
    """Stop at a loss that is not finite, with the last good state kept."""
    broken = [f"{name} is {value}" for name, value in losses.items() if not math.isfinite(value)]
    if broken:
        model, rate = session.plan.folder.model, session.plan.config.training.learning_rate
        kept = (
            f"The last good model is kept: start a new run from it with --init {model}"
            if model.is_file()
            else "Nothing was saved yet: start a new run with"
        )
        raise UserError(
            f"Training broke before image {session.context.state.images_seen:,}: {', '.join(broken)}.",
            f"{kept} --run another and a lower --set training.learning_rate (it is {rate:g}).",
        )


def _broken_weights(session: Session) -> dict[str, float]:
    """Return the weights that are not finite: a step can break them after a finite loss."""
    weights = [item for _, net, _ in session.context.state.parts() for item in net.named_parameters()]
    return {f"weight {name}": math.nan for name, w in weights if not bool(w.isfinite().all())}
