import json
import math
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from pix2pix.config import Config
from pix2pix.data.batches import Loader
from pix2pix.data.feed import HostFeed
from pix2pix.errors import UserError
from pix2pix.model_file import load_model
from pix2pix.progress import Progress
from pix2pix.training import loop
from pix2pix.training.loop import fit
from pix2pix.training.plan import make_plan
from pix2pix.training.run_folder import RunFolder
from pix2pix.training.session import Record, Session, Stores
from pix2pix.training.state import Meter, State, load_state, new_state
from pix2pix.training.step import EngineContext, plain_step
from tests.helpers import open_pairs

CPU = torch.device("cpu")
Begin = Callable[..., Session]
Step = Callable[..., object]


@pytest.fixture
def begin(tmp_path: Path, pairs: Path, tiny: Callable[..., Config]) -> Iterator[Begin]:
    """Sessions, each in its folder: `begin("training.batch=2")`."""
    opened: list[RunFolder] = []

    def session(*settings: str, validation: bool = True) -> Session:
        config = tiny("training.images=20", *settings)
        plan = make_plan([pairs], config, tmp_path / f"run-{len(opened)}", device="cpu")
        plan.folder.lock()
        opened.append(plan.folder)
        training = open_pairs(plan.pairs.splits["train"], config.data.resize)
        stores = Stores(training, open_pairs(plan.pairs.validation), validation, [])
        feed = HostFeed(Loader(training, config.data, config.training.batch, config.training.seed))
        context = EngineContext(new_state(config, CPU), config, feed, Meter(CPU), CPU)
        record = Record("digest", "plain, fp32", 1, config.training.images)
        return Session(plan, stores, context, record, Progress())

    yield session
    for run in opened:
        run.close()


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Callable[[Step], None]:
    """Puts another function in the place of the loop's step."""
    return lambda other: monkeypatch.setattr("pix2pix.training.step.plain_step", other)


def lines(session: Session) -> list[dict[str, float]]:
    return [json.loads(line) for line in session.plan.folder.metrics.read_text().splitlines()]


def logged(session: Session) -> list[float]:
    return [line["images"] for line in lines(session) if "loss_l1" in line]


def scored(session: Session) -> list[float]:
    return [line["images"] for line in lines(session) if "val_l1" in line]


def previews(session: Session) -> list[int]:
    return sorted(int(path.stem) for path in (session.plan.folder.path / "previews").glob("*.png"))


def images_in_state(session: Session) -> int:
    state = new_state(session.plan.config, CPU)
    load_state(session.plan.folder.state, state, CPU)
    return state.images_seen


def images_in_model(session: Session) -> int:
    return load_model(session.plan.folder.model, CPU)[1].provenance.images_seen


def test_it_logs_validates_and_saves_at_its_intervals(begin: Begin) -> None:
    session = begin("training.log_images=6", "training.validate_images=10")
    assert fit(session)
    assert logged(session) == [6, 12, 18]
    assert scored(session) == [10, 20]
    assert previews(session) == [10, 20]
    assert images_in_state(session) == images_in_model(session) == 20


@pytest.mark.parametrize(
    "intervals",
    [
        ("training.validate_images=1000", "training.save_images=1000"),
        ("training.validate_images=1000", "training.save_images=5"),
        ("training.validate_images=5", "training.save_images=1000"),
        ("training.validate_images=20", "training.save_images=20"),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_the_last_model_is_scored_and_saved_once_at_any_intervals(
    begin: Begin, intervals: tuple[str, ...], batch: int
) -> None:
    session = begin(*intervals, f"training.batch={batch}", "training.log_images=1000")
    assert fit(session)
    last = 21 if batch == 3 else 20
    assert scored(session).count(last) == 1
    assert previews(session)[-1] == last
    assert images_in_state(session) == images_in_model(session) == last
    assert load_model(session.plan.folder.model, CPU)[1].provenance.scores == session.record.scores != {}


def test_each_interval_that_a_batch_steps_over_is_seen_once(begin: Begin) -> None:
    session = begin("training.batch=4", "training.log_images=3", "training.validate_images=10")
    fit(session)
    assert logged(session) == [4, 8, 12, 16, 20]
    assert scored(session) == [12, 20]


def test_a_line_holds_the_means_since_the_last_one(begin: Begin, step: Callable[[Step], None]) -> None:
    def numbered(state: State, *inputs: object) -> dict[str, torch.Tensor]:
        plain_step(state, *inputs)
        return {"loss_l1": torch.tensor(float(state.images_seen))}

    step(numbered)
    session = begin("training.log_images=5")
    fit(session)
    assert [line["loss_l1"] for line in lines(session) if "loss_l1" in line] == [3, 8, 13, 18]


def test_a_line_holds_the_learning_rate(begin: Begin) -> None:
    session = begin("training.log_images=5", "training.schedule=linear")
    fit(session)
    rates = [line["learning_rate"] for line in lines(session) if "loss_l1" in line]
    assert rates == pytest.approx([2e-4, 2e-4, 1e-4, 0])


def test_without_validation_pairs_there_are_previews_but_no_scores(begin: Begin) -> None:
    session = begin("training.validate_images=10", validation=False)
    fit(session)
    assert previews(session) == [10, 20]
    assert scored(session) == []
    assert session.record.scores == {}


def test_validating_and_saving_often_does_not_change_the_weights(begin: Begin) -> None:
    seldom = begin("training.images=8", "training.validate_images=1000", "training.save_images=1000")
    often = begin(
        "training.images=8", "training.validate_images=1", "training.save_images=1", "training.log_images=1"
    )
    for session in (seldom, often):
        fit(session)
    one, other = (s.context.state.generator.state_dict() for s in (seldom, often))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_slow_machine_saves_by_the_clock(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = []
    keep = loop.save_state
    monkeypatch.setattr(loop, "_SAVE_SECONDS", -1.0)
    monkeypatch.setattr(
        loop,
        "save_state",
        lambda path, state, about: saved.append(state.images_seen) or keep(path, state, about),
    )
    fit(begin("training.save_images=1000"))
    assert saved == list(range(1, 21))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_after_the_step_under_way_and_saves(
    begin: Begin, step: Callable[[Step], None], number: int
) -> None:
    def interrupted(state: State, *inputs: object) -> object:
        if state.images_seen == 12:
            signal.raise_signal(number)
        return plain_step(state, *inputs)

    step(interrupted)
    before = signal.getsignal(number)
    session = begin()
    assert not fit(session)
    assert session.context.state.images_seen == 13
    assert images_in_state(session) == images_in_model(session) == 13
    assert signal.getsignal(number) is before


def test_a_second_interrupt_insists(begin: Begin, step: Callable[[Step], None]) -> None:
    def impatient(state: State, *inputs: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    step(impatient)
    # Where tests run in the background, the shell has had SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(begin())
    finally:
        signal.signal(signal.SIGINT, before)


def test_where_nothing_is_left_no_engine_is_prepared(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    session, prepared = begin(), list[object]()
    monkeypatch.setitem(loop.ENGINES, "plain", lambda *arguments: prepared.append(arguments))
    session.context.state.images_seen = 20
    assert fit(session)
    assert prepared == []
    assert images_in_model(session) == 20


def test_a_loss_that_is_not_finite_keeps_the_last_good_state(
    begin: Begin, step: Callable[[Step], None]
) -> None:
    def breaking(state: State, *inputs: object) -> dict[str, torch.Tensor]:
        losses = plain_step(state, *inputs)
        return losses | {"loss_gan": torch.tensor(math.nan)} if state.images_seen > 12 else losses

    step(breaking)
    session = begin("training.log_images=5")
    with pytest.raises(UserError, match="loss_gan is nan") as caught:
        fit(session)
    assert str(session.plan.folder.model) in caught.value.hint
    assert "learning_rate" in caught.value.hint
    assert images_in_state(session) == images_in_model(session) == 10
    assert logged(session) == [5, 10]


def test_a_broken_weight_never_replaces_a_good_one(begin: Begin, step: Callable[[Step], None]) -> None:
    def breaking(state: State, *inputs: object) -> object:
        losses = plain_step(state, *inputs)
        if state.images_seen == 20:
            with torch.no_grad():
                state.discriminator.layers[0].weight[0, 0, 0, 0] = math.inf
        return losses

    step(breaking)
    session = begin()
    with pytest.raises(UserError, match=r"weight layers\.0\.weight is nan"):
        fit(session)
    assert images_in_state(session) == images_in_model(session) == 10


def test_a_loss_that_breaks_before_the_first_save_says_so(begin: Begin, step: Callable[[Step], None]) -> None:
    step(lambda state, *inputs: {"loss_l1": torch.tensor(math.inf)} | _count(state))
    with pytest.raises(UserError, match="Nothing was saved yet"):
        fit(begin("training.log_images=1"))


def _count(state: State) -> dict[str, torch.Tensor]:
    state.images_seen += 1
    return {}


def test_a_crash_between_model_and_state_leaves_no_old_model_with_a_new_state(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state says how far the run is, so a model older than it would never be written again.

    But a first model without a state would say that the state was lost.
    """
    written = []
    for name in ("save_model", "save_state"):
        keep = getattr(loop, name)
        monkeypatch.setattr(loop, name, lambda *inputs, n=name, k=keep: written.append(n) or k(*inputs))
    fit(begin("training.save_images=10", "training.validate_images=1000"))
    assert written == ["save_state", "save_model", "save_model", "save_state"]


def test_the_page_bears_the_name_of_the_run_and_its_facts_and_ends_as_finished(begin: Begin) -> None:
    session = begin()
    fit(session)
    page = (session.plan.folder.path / "index.html").read_text()
    assert session.plan.folder.path.name in page
    assert "40 train, 4 val" in page
    assert "finished" in page
    assert 'http-equiv="refresh"' not in page
