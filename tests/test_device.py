import gc
from pathlib import Path

import pytest
import torch

from pix2pix import device
from pix2pix.device import (
    Precision,
    computing,
    describe,
    free_memory,
    is_out_of_memory,
    keep_freed_memory,
    pick_device,
    pick_precision,
    uncollected,
)
from pix2pix.errors import UserError


@pytest.fixture
def current(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two GPUs, of which the one that was made current last is."""
    made = [1]
    monkeypatch.setattr(torch.cuda, "current_device", lambda: made[-1])
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: made.append(device.index))
    return made


@pytest.mark.parametrize(("name", "index"), [("auto", 1), ("cuda", 1), ("cuda:0", 0)])
def test_a_gpu_has_its_number_and_becomes_the_current_one(
    name: str, index: int, current: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", lambda *shape, device: torch.zeros(()))
    assert pick_device(name) == torch.device("cuda", index)
    assert current[-1] == index


@pytest.mark.parametrize("on", [True, False])
def test_nothing_is_collected_in_a_capture(on: bool) -> None:
    before = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() is on
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.usefixtures("current")
def test_auto_takes_the_first_gpu_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, mps, expected in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert pick_device("auto").type == expected


def test_a_named_device_is_taken() -> None:
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["toaster", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused_by_name(name: str) -> None:
    with pytest.raises(UserError, match=f"no device '{name}'") as caught:
        pick_device(name)
    assert "cpu" in caught.value.hint


@pytest.mark.parametrize(("count", "words"), [(1, "cpu (1 thread)"), (2, "cpu (2 threads)")])
def test_the_processor_is_described_with_its_threads(
    count: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    assert describe(torch.device("cpu")) == words


def test_a_tensor_too_large_for_memory_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)."), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_where_the_c_library_is_another_memory_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_freed_memory()
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: object())
    keep_freed_memory()


@pytest.mark.parametrize(("capability", "expected"), [((9, 0), "bf16"), ((8, 0), "bf16"), ((7, 5), "fp32")])
def test_auto_takes_bf16_where_a_gpu_has_it(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert pick_precision("auto", torch.device("cuda")) == expected


def test_the_processor_computes_in_float32_unless_asked() -> None:
    cpu = torch.device("cpu")
    assert pick_precision("auto", cpu) == "fp32"
    assert pick_precision("bf16", cpu) == "bf16"
    with pytest.raises(UserError, match="has no tf32"):
        pick_precision("tf32", cpu)


@pytest.mark.parametrize("name", ["tf32", "bf16"])
def test_what_an_older_gpu_has_not_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "An older GPU")
    with pytest.raises(UserError, match=f"An older GPU has no {name}"):
        pick_precision(name, torch.device("cuda", 0))


def test_an_unknown_precision_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match="auto, fp32, tf32, bf16"):
        pick_precision("fp64", torch.device("cpu"))


@pytest.mark.parametrize(("precision", "expected"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_products_are_in_the_precision(precision: Precision, expected: torch.dtype) -> None:
    with computing(torch.device("cpu"), precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == expected


def test_the_memory_that_is_free_is_that_of_the_machine_or_less(monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_memory(torch.device("cpu"))
    if free is None:
        pytest.skip("the system does not say")
    assert 0 < free < 2**50
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (5, 8))
    assert free_memory(torch.device("cuda", 1)) == 5


def test_a_system_that_does_not_say_what_is_free_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path, encoding: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    assert free_memory(torch.device("cpu")) is None
