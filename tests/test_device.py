import pytest
import torch

from pix2pix import device
from pix2pix.device import describe, is_out_of_memory, keep_freed_memory, pick_device
from pix2pix.errors import UserError


def test_auto_takes_the_first_gpu_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, mps, expected in (
        (True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")
    ):  # fmt: skip
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


@pytest.mark.parametrize(("count", "said"), [(1, "cpu (1 thread)"), (2, "cpu (2 threads)")])
def test_the_processor_is_described_with_its_threads(
    count: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    assert describe(torch.device("cpu")) == said


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


def test_where_the_c_library_is_another_memory_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_freed_memory()
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: object())
    keep_freed_memory()
