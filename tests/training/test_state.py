import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from pix2pix import model_file
from pix2pix.config import Config
from pix2pix.data.batches import Batch
from pix2pix.errors import UserError
from pix2pix.training.state import (
    Meter,
    State,
    add_to_average,
    load_state,
    new_state,
    save_state,
    saved_images,
)
from tests.helpers import make_step

CPU = torch.device("cpu")
LOSS = st.floats(-1e6, 1e6, width=32)
Tiny = Callable[..., Config]
ABOUT = {"metrics_bytes": 7, "meter": {"count": 0, "sums": {}}, "scores": {"val_l1": 0.1 + 0.2}}


def batch(position: int) -> Batch:
    random = torch.Generator().manual_seed(position)
    x, y = torch.rand(2, 1, 3, 32, 32, generator=random) * 2 - 1
    return Batch(x, y, [str(position)], torch.tensor([position]))


def trained(config: Config, steps: int, state: State | None = None) -> State:
    state = state or new_state(config, CPU)
    for _ in range(steps):
        before = state.images_seen
        make_step(state, batch(before), config)
        add_to_average(state, before, config.training)
    return state


def tensors(state: State) -> dict[str, torch.Tensor]:
    by_name = {f"g.{k}": t for k, t in state.generator.state_dict().items()}
    if state.discriminator is not None:
        by_name |= {f"d.{k}": t for k, t in state.discriminator.state_dict().items()}
    if state.average is not None:
        by_name |= {f"average.{k}": t for k, t in state.average.state_dict().items()}
    return by_name


def assert_equal(one: State, other: State) -> None:
    left, right = tensors(one), tensors(other)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []
    assert one.images_seen == other.images_seen


@pytest.fixture
def saved(tmp_path: Path, tiny: Tiny) -> Path:
    path = tmp_path / "checkpoints" / "state.safetensors"
    save_state(path, trained(tiny(), 2), ABOUT)
    return path


@pytest.mark.parametrize("setting", ["objective.gan=1", "objective.gan=0", "model.norm=instance"])
def test_a_state_goes_on_bit_for_bit(tmp_path: Path, tiny: Tiny, setting: str) -> None:
    config, path = tiny(setting), tmp_path / "state.safetensors"
    save_state(path, trained(config, 3), ABOUT)
    resumed = new_state(tiny(setting, "training.seed=9"), CPU)
    assert load_state(path, resumed, CPU) == ABOUT
    assert_equal(resumed, trained(config, 3))
    assert_equal(trained(config, 3, resumed), trained(config, 6))


@pytest.mark.parametrize("steps", [5, 8, 11])
def test_an_average_goes_on_bit_for_bit(tmp_path: Path, tiny: Tiny, steps: int) -> None:
    config, path = tiny("training.average=0.9"), tmp_path / "state.safetensors"
    save_state(path, trained(config, steps), ABOUT)
    resumed = new_state(tiny("training.average=0.9", "training.seed=9"), CPU)
    load_state(path, resumed, CPU)
    assert_equal(trained(config, 30 - steps, resumed), trained(config, 30))


def test_the_average_is_of_every_eighth_step_and_forgets_the_first_weights(tiny: Tiny) -> None:
    config = tiny("training.average=0.95")
    state, weights = new_state(config, CPU), []
    for _ in range(45):
        state = trained(config, 1, state)
        weights.append(state.generator.state_dict()["decoder.1.conv.weight"].double())
    expected = torch.zeros_like(weights[0])
    for number, added in enumerate(weights[7::8]):
        decay = min(0.95**8, number / (number + 10))
        expected = decay * expected + (1 - decay) * added
    averaged = state.model.state_dict()["decoder.1.conv.weight"].double()
    torch.testing.assert_close(averaged, expected, rtol=0, atol=1e-6)
    assert (averaged - weights[-1]).abs().max() > 1e-4


def test_without_an_average_the_model_is_what_was_trained(tiny: Tiny) -> None:
    state = trained(tiny(), 1)
    assert state.model is state.generator


def test_a_state_before_the_first_step_can_be_saved(tmp_path: Path, tiny: Tiny) -> None:
    path = tmp_path / "state.safetensors"
    save_state(path, new_state(tiny(), CPU), ABOUT)
    resumed = new_state(tiny("training.seed=9"), CPU)
    load_state(path, resumed, CPU)
    assert_equal(trained(tiny(), 2, resumed), trained(tiny(), 2))


def test_saving_changes_nothing(tmp_path: Path, tiny: Tiny) -> None:
    state = trained(tiny(), 2)
    save_state(tmp_path / "state.safetensors", state, ABOUT)
    assert_equal(trained(tiny(), 2, state), trained(tiny(), 4))


def test_a_failed_save_keeps_the_old_state(monkeypatch: pytest.MonkeyPatch, tiny: Tiny, saved: Path) -> None:
    def half_written(tensors: object, path: Path, about: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(model_file, "save_file", half_written)
        with pytest.raises(UserError, match="No space left on device"):
            save_state(saved, trained(tiny(), 3), ABOUT)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    state = new_state(tiny(), CPU)
    assert load_state(saved, state, CPU) == ABOUT
    assert_equal(state, trained(tiny(), 2))


@given(st.floats(0, 1, exclude_max=True))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_state_cut_anywhere_is_refused(saved: Path, tiny: Tiny, share: float) -> None:
    whole, cut = saved.read_bytes(), saved.with_name("cut.safetensors")
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match="not a whole") as caught:
        load_state(cut, new_state(tiny(), CPU), CPU)
    assert str(cut) in str(caught.value)


def test_a_file_of_something_else_is_refused(tmp_path: Path, tiny: Tiny) -> None:
    path = tmp_path / "state.safetensors"
    for about, words in (
        (None, "not a training state"),
        ({"pix2pix": "{}"}, "not a training state"),
        ({"pix2pix training state": json.dumps({"format": 2})}, "state format 2"),
        ({"pix2pix training state": json.dumps({"format": 1})}, "is damaged"),
        ({"pix2pix training state": "nothing"}, "is damaged"),
        ({"pix2pix training state": "[]"}, "is damaged"),
    ):
        save_file({"weight": torch.zeros(2)}, path, about)
        with pytest.raises(UserError, match=words) as caught:
            load_state(path, new_state(tiny(), CPU), CPU)
        assert str(path) in str(caught.value)


def test_the_images_of_a_state_are_known_without_its_tensors(saved: Path) -> None:
    assert saved_images(saved) == 2
    assert saved_images(saved.with_name("missing")) is None
    saved.write_bytes(saved.read_bytes()[:-100])
    assert saved_images(saved) is None


def test_a_state_of_other_networks_is_refused(tiny: Tiny, saved: Path) -> None:
    for setting in ("model.width=5", "model.norm=instance", "model.discriminator_px=34"):
        with pytest.raises(UserError, match="is damaged"):
            load_state(saved, new_state(tiny(setting), CPU), CPU)


def test_a_state_is_the_tensors_of_both_networks(saved: Path) -> None:
    with safe_open(saved, "pt") as opened:
        assert set(opened.metadata()) == {"pix2pix training state"}
        assert {name.split(".")[0] for name in opened.keys()} == {  # noqa: SIM118
            "generator",
            "discriminator",
        }


def metered(values: list[float]) -> Meter:
    meter = Meter(CPU)
    for value in values:
        meter.add({"loss": torch.tensor(value)})
    return meter


def test_means_are_over_the_steps_since_clearing() -> None:
    meter = metered([1.0, 2.0, 6.0])
    assert meter.means() == {"loss": 3.0}
    meter.clear()
    assert meter.means() == {}
    meter.add({"loss": torch.tensor(5.0)})
    assert meter.means() == {"loss": 5.0}


def test_each_loss_has_a_mean_of_its_own() -> None:
    meter = Meter(CPU)
    for step in range(4):
        meter.add({"d": torch.tensor(float(step)), "g": torch.tensor(2.0)})
    assert meter.means() == {"d": 1.5, "g": 2.0}


@given(st.lists(LOSS, min_size=1), st.lists(LOSS, min_size=1))
def test_a_packed_meter_goes_on_exactly(before: list[float], after: list[float]) -> None:
    through, resumed = metered(before), Meter(CPU)
    resumed.unpack(json.loads(json.dumps(metered(before).pack())))
    for value in after:
        for meter in (through, resumed):
            meter.add({"loss": torch.tensor(value)})
    assert resumed.means() == through.means()
    assert resumed.count == len(before) + len(after)


def test_an_empty_meter_packs_to_an_empty_one() -> None:
    meter = metered([1.0])
    meter.unpack(Meter(CPU).pack())
    assert (meter.count, meter.means()) == (0, {})


def test_what_is_not_finite_stays_so() -> None:
    assert math.isnan(metered([1.0, math.nan, 2.0]).means()["loss"])
    assert metered([1.0, math.inf]).means()["loss"] == math.inf


def test_adding_leaves_the_losses_as_they_are() -> None:
    first = torch.tensor(1.0)
    meter = Meter(CPU)
    meter.add({"loss": first})
    meter.add({"loss": torch.tensor(2.0)})
    assert float(first) == 1.0
