"""The loop: steps, and now and then a look, a save, a word.

Everything slow stands behind one early `continue`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import torch

from pix2pix.config import Config
from pix2pix.data.feed import PacketSource, packets, sent
from pix2pix.data.store import Store
from pix2pix.errors import UserError
from pix2pix.model_file import Header, save_model
from pix2pix.progress import Progress, describe_losses
from pix2pix.reports.training_page import PageState
from pix2pix.training.checkpoint import save_state
from pix2pix.training.distributed import ALONE, Processes
from pix2pix.training.engine import Engine
from pix2pix.training.meter import Meter
from pix2pix.training.run_folder import Run
from pix2pix.training.saver import Saver
from pix2pix.training.state import State
from pix2pix.training.step import learning_rate
from pix2pix.training.stopping import stopping
from pix2pix.training.validation import preview, rounded, validate

# However long the interval in images, a slow machine never loses more than this.
_SAVE_SECONDS = 600.0
_PAGE_SECONDS = 10.0
# Several processes end together: how often they ask each other, in steps.
_AGREE_STEPS = 16


@dataclass
class Session:
    """All that the loop works with. `looked_at` are the validation pairs, or a few of training."""

    config: Config
    state: State
    run: Run
    line: PacketSource
    engine: Engine
    looked_at: Store
    has_validation: bool
    device: torch.device
    header: Header
    facts: Mapping[str, str]
    progress: Progress
    meter: Meter
    processes: Processes = ALONE
    saver: Saver = field(default_factory=lambda: Saver(background=False))
    seconds: float = 0.0  # spent in earlier sittings
    scores: dict[str, float] = field(default_factory=dict)
    scored_at: int | None = None  # images seen when the scores were taken
    saved_at: int | None = None  # images seen at the last save

    def about(self) -> dict[str, Any]:
        """What a saved state remembers beside the tensors."""
        return {
            "metrics_bytes": self.run.metrics_bytes(),
            "meter": self.meter.pack(),
            "seconds": self.seconds,
            "scores": self.scores,
            "scored_at": self.scored_at,
            "processes": self.processes.world,
            "engine": self.facts.get("engine", ""),
            "data_digest": self.header.provenance.data_digest,
            "initialised_from": self.header.provenance.initialised_from,
        }


def fit(session: Session) -> bool:
    """Train until `training.images`; False where the user stopped it. Either way all is saved."""
    try:
        _train(session)
        _even_out(session)
        session.saver.wait()
        if session.saved_at != session.state.images_seen:
            _save(session)
        session.saver.wait()
    finally:
        session.saver.close()
        session.progress.close()
        # The page must not say "training" for ever, and must not hide why training ended.
        with suppress(UserError):
            saved = session.saved_at or 0
            ended = saved >= session.config.training.images
            _write_page(session, "finished" if ended else "stopped")
    return session.state.images_seen >= session.config.training.images


def _train(session: Session) -> None:
    state, training = session.state, session.config.training
    _write_page(session)
    if state.images_seen >= training.images:
        return
    first = session.line.packet(state.images_seen)
    session.engine.prepare(sent(first, session.device), session.progress.log)
    clock = last_save = last_log = last_page = time.monotonic()
    logged_at = state.images_seen

    with stopping() as stop, closing(packets(session.line, state.images_seen)) as coming:
        for step, packet in enumerate(coming):
            late = time.monotonic() - last_save > _SAVE_SECONDS
            ending, late = _agreed(session.processes, step, stop.asked, late)
            if state.images_seen >= training.images or ending:
                break

            # Train
            before = state.images_seen
            session.engine.step(packet)

            log, look, save = (
                before // every != state.images_seen // every
                for every in (training.log_images, training.validate_images, training.save_images)
            )
            now = time.monotonic()
            session.seconds, clock = session.seconds + now - clock, now
            # The last model is scored wherever the intervals fall, and saved by `fit`.
            look = look or state.images_seen >= training.images
            save = save or late
            if not (log or look or save):
                continue

            _even_out(session)

            # Log
            losses = session.meter.means()
            _refuse_broken(session, losses)
            if log:
                trained = state.images_seen - logged_at
                _log(session, losses, trained / max(now - last_log, 1e-9))
                session.meter.clear()
                last_log, logged_at = now, state.images_seen

            # Look
            if look:
                _look(session)

            # Save
            if save:
                _save(session)
                last_save = time.monotonic()

            # Show
            if look or time.monotonic() - last_page > _PAGE_SECONDS:
                _write_page(session)
                last_page = time.monotonic()


def _agreed(processes: Processes, step: int, *wishes: bool) -> tuple[bool, ...]:
    """Each wish, where one process has it; several ask each other only now and then."""
    if processes.world > 1 and step % _AGREE_STEPS:
        return tuple(False for _ in wishes)
    return tuple(processes.agree(wishes))


def _even_out(session: Session) -> None:
    """Give all processes the mean of what each gathers of its own: losses, running statistics."""
    sums = session.meter.sums
    gathered = [*session.state.generator.buffers(), *([] if sums is None else [sums])]
    session.processes.average(gathered)


def _write_page(session: Session, state: PageState = "training") -> None:
    if session.processes.first:
        session.run.write_page(session.config, state, session.facts)


def _log(session: Session, losses: dict[str, float], speed: float) -> None:
    seen, training = session.state.images_seen, session.config.training
    line = {
        "images": seen,
        "seconds": round(session.seconds, 3),
        "images_per_second": round(speed, 3),
        "learning_rate": learning_rate(training, seen),
        **rounded(losses),
    }
    if session.processes.first:
        session.run.append(line)
    words = f"{describe_losses(speed, losses)}  {session.facts.get('engine', '').partition(';')[0]}".rstrip()
    session.progress.update("training", seen, training.images, "images", words)


def _look(session: Session) -> None:
    """Score the validation pairs and keep a preview."""
    if not session.processes.first:
        return
    session.progress.update(
        "training",
        session.state.images_seen,
        session.config.training.images,
        "images",
        "scoring the validation pairs",
    )
    generator, mode, seen = session.state.generator, session.header.mode, session.state.images_seen
    sheet = preview(generator, session.looked_at, mode, session.device)
    session.run.save_preview(seen, sheet)
    if session.has_validation:
        session.scores = rounded(validate(generator, session.looked_at, mode, session.device))
        session.scored_at = seen
        session.run.append({"images": seen, **session.scores})


def _save(session: Session) -> None:
    """The model, then the state: where there is a state, its model was written before it.

    A broken one never replaces a good one.
    """
    run, state, meter = session.run, session.state, session.meter
    if not session.processes.first:
        session.saved_at = state.images_seen
        return
    _refuse_broken(session, (meter.means() if meter.count else {}) | _broken_weights(session))
    provenance = session.header.provenance.model_copy(
        update={
            "images_seen": state.images_seen,
            "scores": session.scores,
            "scored_at_images": session.scored_at,
        }
    )
    header, about = session.header.model_copy(update={"provenance": provenance}), session.about()

    def write(state: State) -> None:
        save_model(run.model, state.generator, header)
        save_state(run.state, state, about)
        session.saved_at = state.images_seen

    session.saver.save(state, write)


def _refuse_broken(session: Session, losses: Mapping[str, float]) -> None:
    """Stop at a loss that is not finite, with the last good state kept."""
    broken = [f"{name} is {value}" for name, value in losses.items() if not math.isfinite(value)]
    if not broken:
        return
    run, rate = session.run, session.config.training.learning_rate
    kept = (
        f"The last good model is kept: start a new run from it with --init {run.model}"
        if run.model.is_file()
        else "Nothing was saved yet: start a new run with"
    )
    raise UserError(
        f"Training broke before image {session.state.images_seen:,}: {', '.join(broken)}.",
        f"{kept} --run another and a lower --set training.learning_rate (it is {rate:g}).",
    )


def _broken_weights(session: Session) -> dict[str, float]:
    """The weights that are not finite, by name: a step can break them after a finite loss."""
    parts = (session.state.generator, session.state.discriminator)
    named = [item for part in parts if part is not None for item in part.named_parameters()]
    return {f"weight {n}": math.nan for n, w in named if not bool(torch.isfinite(w).all())}
