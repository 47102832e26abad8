import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.training.distributed import Processes
from pix2pix.training.engine import pick_engine

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_auto_is_the_captured_engine_on_a_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert (pick_engine("auto", CPU), pick_engine("auto", CUDA)) == ("plain", "graph")


@pytest.mark.parametrize("name", ["auto", "plain", "graph"])
def test_several_processes_take_the_plain_step(name: str) -> None:
    assert pick_engine(name, CUDA, Processes(0, 2)) == "plain"


@pytest.mark.parametrize("name", ["plain", "graph"])
def test_a_named_engine_is_taken(name: str) -> None:
    assert pick_engine(name, CPU) == name


def test_an_unknown_engine_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match="auto, plain or graph"):
        pick_engine("turbo", CPU)
