"""Taking up a stopped run: state, metrics and previews as they were when it was saved."""

from __future__ import annotations

from pix2pix.errors import UserError
from pix2pix.training.checkpoint import load_state
from pix2pix.training.loop import Session


def take_up(session: Session) -> None:
    """Take up the saved state in the first process, and from it in the others."""
    processes, state = session.processes, session.state
    if processes.first:
        _resume(session)
    state.images_seen = processes.tell(state.images_seen)
    session.meter.unpack(processes.tell(session.meter.pack()), session.device)
    processes.copy_first(state.tensors())


def _resume(session: Session) -> None:
    """Take up the saved state, if there is one, where it was saved."""
    if not session.run.state.is_file():
        session.run.cut_metrics(0)
        session.run.cut_previews(0)
        return
    about = load_state(session.run.state, session.state, session.device)
    total, batch = session.config.training.images, session.config.training.batch
    # The last batch may have gone a little beyond what was asked for.
    if session.state.images_seen - batch >= total:
        raise UserError(
            f"{session.run.path} has already seen {session.state.images_seen:,} images, more than "
            f"the {total:,} asked for.",
            "Ask for more with --set training.images=N, or choose another --run.",
        )
    provenance = session.header.provenance
    if about["data_digest"] != provenance.data_digest:
        raise UserError(
            f"{session.run.path} was trained on other pairs than these: it cannot go on exactly.",
            f"Choose another --run; with --init {session.run.model} it begins with its weights.",
        )
    _take_origin(session, about["initialised_from"])
    session.run.cut_metrics(about["metrics_bytes"])
    session.run.cut_previews(session.state.images_seen)
    session.meter.unpack(about["meter"], session.device)
    session.seconds, session.scores = about["seconds"], about["scores"]
    session.scored_at = about["scored_at"]
    session.saved_at = session.state.images_seen
    session.progress.log(f"continuing {session.run.path} at image {session.state.images_seen:,}")
    _tell_engine(session, about.get("engine", ""))
    before, now = about.get("processes", 1), session.processes.world
    if before != now:
        session.progress.log(
            f"note: it was trained by {before} process{'es' * (before > 1)} and goes on with "
            f"{now}: the same images in the same order, sums rounded otherwise"
        )


def _tell_engine(session: Session, before: str) -> None:
    """Say, and keep with the run, that it goes on in another way than it was trained so far."""
    now, seen = session.facts.get("engine", ""), session.state.images_seen
    if before.partition(";")[0] in ("", now):
        session.facts = {**session.facts, "engine": before or now}
        return
    latest = before.partition(";")[0]
    session.progress.log(f"note: it was trained by {latest} and goes on with {now}")
    session.facts = {**session.facts, "engine": f"{now}; until image {seen:,} {before}"}


def _take_origin(session: Session, origin: str | None) -> None:
    """Keep where the weights of a continued run came from, whatever --init says now."""
    provenance = session.header.provenance
    if provenance.initialised_from not in (None, origin):
        session.progress.log("note: --init is for new runs; this one goes on with its own weights")
    kept = provenance.model_copy(update={"initialised_from": origin})
    session.header = session.header.model_copy(update={"provenance": kept})
