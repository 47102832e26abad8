import json
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.training.meter import Meter

CPU = torch.device("cpu")
LOSS = st.floats(-1e6, 1e6, width=32)


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
