"""Resuming a stopped run: state, metrics and previews as they were when it was saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pix2pix.errors import UserError
from pix2pix.training.checkpoint import load_state
from pix2pix.training.session import Record, Session
from pix2pix.training.step import learning_rate


def resume(session: Session) -> None:
    """Load the saved state in the first process, and send it to the others."""
    context, state = session.context, session.context.state
    if context.processes.first:
        _load(session)
    shared = state.images_seen, state.decay_from, context.meter.pack()
    state.images_seen, state.decay_from, sums = context.processes.broadcast(shared)
    context.meter.unpack(sums, context.device)
    context.processes.copy_from_first(state.tensors())


def _load(session: Session) -> None:
    """Load the saved state, if there is one, and cut away what was written after it."""
    folder, state = session.plan.folder, session.context.state
    if not folder.state.is_file():
        folder.cut_metrics(0)
        folder.cut_previews(0)
        return
    about = load_state(folder.state, state, session.context.device)
    _refuse_other_run(session, about)
    _continue_schedule(session, about)
    _continue_record(session, about)
    folder.cut_metrics(about["metrics_bytes"])
    folder.cut_previews(state.images_seen)
    session.context.meter.unpack(about["meter"], session.context.device)
    session.saved_at = state.images_seen
    session.progress.log(f"continuing {folder.path} at image {state.images_seen:,}")


def _refuse_other_run(session: Session, about: Mapping[str, Any]) -> None:
    folder, training = session.plan.folder, session.plan.config.training
    seen = session.context.state.images_seen
    # The last batch may have gone a little beyond the requested length.
    if seen - training.batch >= training.images:
        raise UserError(
            f"{folder.path} has already seen {seen:,} images, more than the {training.images:,} requested.",
            "Set a larger training.images with --set, or choose another --run.",
        )
    if about["data_digest"] != session.record.data_digest:
        raise UserError(
            f"{folder.path} was trained on other pairs than these: it cannot go on exactly.",
            f"Choose another --run; with --init {folder.model} it begins with its weights.",
        )


def _continue_schedule(session: Session, about: Mapping[str, Any]) -> None:
    """Carry a falling learning rate over a raised `training.images`, as `training.extend` says."""
    training, state = session.plan.config.training, session.context.state
    state.decay_from = tuple(about["decay_from"]) if about.get("decay_from") else None
    # States of before this setting do not say their length, but the run's configuration does.
    images = about.get("images") or session.plan.folder.written_images()
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
        hint = "; training.extend=decay lets it fall on from there" if stood else ""
        session.progress.log(
            f"note: {raised}: the learning rate goes up from {stood:g} to {restarted:g}{hint}"
        )
    elif stood == 0:
        raise UserError(
            f"{raised}, but the learning rate of {session.plan.folder.path} has fallen to 0: "
            "training.extend=decay has nothing to fall on from.",
            f"Use --set training.extend=restart: it goes up to {restarted:g}.",
        )
    else:
        state.decay_from = state.images_seen, stood
        session.progress.log(f"note: {raised}: the learning rate falls on from {stood:g} to 0")


def _continue_record(session: Session, about: Mapping[str, Any]) -> None:
    """Keep what the run remembers, and report what is done in another way from now on."""
    now, log, seen = session.record, session.progress.log, session.context.state.images_seen
    kept = {f.name: about[f.name] for f in fields(Record) if f.name in about}
    before = Record(**{**vars(now), **kept})
    if now.initialised_from not in (None, before.initialised_from):
        log("note: --init is for new runs; this one goes on with its own weights")
    latest = before.engine.partition(";")[0]
    if latest not in ("", now.engine):
        log(f"note: it was trained by {latest} and goes on with {now.engine}")
        before.engine = f"{now.engine}; until image {seen:,} {before.engine}"
    if before.processes != now.processes:
        log(
            f"note: it was trained by {before.processes} process{'es' * (before.processes > 1)} and "
            f"goes on with {now.processes}: the same images in the same order, sums rounded otherwise"
        )
    before.engine, before.processes = before.engine or now.engine, now.processes
    before.images = now.images
    session.record = before
