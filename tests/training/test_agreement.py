from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.pictures.contract import PictureContract
from pix2pix.training.agreement import agree_on_data, agree_on_plan
from pix2pix.training.distributed import Processes
from pix2pix.training.plan import Plan, make_plan

Tiny = Callable[..., Config]


@dataclass(frozen=True)
class Group(Processes):
    """Two processes, of which the other one has the place `other`, and answers as `answer` says."""

    world: int = 2
    other: int = 1
    answer: Callable[[Any], Any] = lambda value: value

    def gather(self, value: Any) -> list[Any]:
        values = [value, value]
        values[self.other] = self.answer(value)
        return values


@dataclass(frozen=True)
class Seen(Processes):
    """Processes that differ only in the state that they see."""

    seen: Sequence[int | None] = ()

    def gather(self, value: Any) -> list[Any]:
        return [(*value[:2], images, value[3]) for images in self.seen]


@pytest.fixture
def plan(tmp_path: Path, pairs: Path, tiny: Tiny) -> Plan:
    return make_plan([pairs], tiny("training.batch=2"), tmp_path / "run")


def with_other(plan: Plan, answer: Callable[[Any], Any], other: int = 1) -> Plan:
    return replace(plan, processes=Group(other=other, answer=answer))


def test_equal_plans_pass(plan: Plan) -> None:
    assert agree_on_plan(plan) == plan
    assert agree_on_plan(with_other(plan, lambda value: value)).config == plan.config


def test_another_setting_is_named_with_its_process(plan: Plan) -> None:
    other = plan.config.with_settings(["training.batch=4"])
    with pytest.raises(UserError, match=r"Process 1 .* training\.batch is 4 there, not 2"):
        agree_on_plan(with_other(plan, lambda value: (other, *value[1:])))


def test_another_version_is_named(plan: Plan) -> None:
    with pytest.raises(UserError, match=r"Process 1 .* torch is '0\.1' there"):
        agree_on_plan(with_other(plan, lambda value: (value[0], value[1] | {"torch": "0.1"}, *value[2:])))


@pytest.mark.parametrize("seen", [[None, None], [400, None], [400, 400], [1200, 400]])
def test_only_the_first_process_needs_to_see_the_run(plan: Plan, seen: list[int | None]) -> None:
    agree_on_plan(replace(plan, processes=Seen(seen=seen)))


@pytest.mark.parametrize(("first", "words"), [(None, "none"), (400, "one of image 400")])
def test_a_first_process_without_the_state_that_another_has_is_refused(
    plan: Plan, first: int | None, words: str
) -> None:
    with pytest.raises(UserError, match=rf"Process 1 finds a state of image 1,200 .* process 0 {words}:"):
        agree_on_plan(replace(plan, processes=Seen(seen=[first, 1200])))


def test_the_first_process_s_contracts_hold(plan: Plan) -> None:
    first = replace(plan.reading, source=PictureContract(channels=1))
    agreed = agree_on_plan(with_other(plan, lambda value: (*value[:3], first), other=0))
    assert agreed.reading == first


def test_other_pairs_are_named_with_their_process(plan: Plan) -> None:
    agree_on_data(plan, "0123456789")
    with pytest.raises(UserError, match=r"Process 1 reads other pairs .* abcdefab and 01234567"):
        agree_on_data(with_other(plan, lambda digest: "abcdefabcdef"), "0123456789")
