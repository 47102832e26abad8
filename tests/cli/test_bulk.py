"""`pix2pix bulk`: what it prints, and how it ends."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pix2pix.bulk import job
from tests.cli.command import pix2pix
from tests.helpers import write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.safetensors")


def bulk(*arguments: str | Path) -> tuple[int, str]:
    result = pix2pix("bulk", *arguments)
    return result.exit_code, result.output.replace("\n", " ")


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`outcome(total=3)`: the job that is run ends so; returns the list of requests."""
    monkeypatch.setitem(sys.modules, "pix2pix.bulk.cluster", ModuleType("cluster"))  # Ray is not needed

    def end(**facts: Any) -> list[Any]:
        requests: list[Any] = []

        def run(request: Any, cluster: Any, progress: Any) -> Any:
            requests.append(request)
            return job.Outcome(**facts)

        monkeypatch.setattr(job, "run", run)
        return requests

    return end


def test_counts_and_rate_are_printed(outcome: Callable[..., Any], model: Path) -> None:
    requests = outcome(total=1200, unchanged=200, translated=1000, seconds=10.0)
    code, output = bulk("in", "out", "--model", model, "--size", "32x48", "--format", "jpg", "--workers", "2")
    assert code == 0
    assert "1,000 of 1,200 pictures translated to out, 200 unchanged  100.0 pictures/s" in output
    options = requests[0].options
    assert (requests[0].workers, options.size, options.suffix) == (2, (32, 48), ".jpg")


def test_failures_are_named_and_give_exit_code_1(outcome: Callable[..., Any], model: Path) -> None:
    outcome(total=12, failures=[f"{n} is bad." for n in range(12)], failed_file="out/failed.parquet")
    code, output = bulk("in", "out", "--model", model)
    assert code == 1
    assert "12 pictures failed, see out/failed.parquet:" in output
    assert "9 is bad." in output
    assert "and 2 more" in output


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    for name in [name for name in sys.modules if name.startswith("pix2pix.bulk")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    code, output = bulk("in", "out", "--model", model)
    assert code == 2
    assert "pip install 'pix2pix[bulk]'" in output


@pytest.mark.parametrize("option", [("--mode", "nice"), ("--half", "top"), ("--format", "gif")])
def test_an_unknown_value_is_refused(
    outcome: Callable[..., Any], model: Path, option: tuple[str, str]
) -> None:
    outcome(total=1)
    code, output = bulk("in", "out", "--model", model, *option)
    assert code == 2
    assert "wanted" in output
