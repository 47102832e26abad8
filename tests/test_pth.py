"""Files of tensors are read; what else could be unpickled from one is refused before it fills the memory."""

import os
from pathlib import Path

import pytest
import torch

from pix2pix.pth import read_pth


class _Filler:
    """What would be unpickled to any number of bytes: torch allows `bytearray`."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return bytearray, (50_000_000_000,)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "as before torch 1.6"])
def test_tensors_are_read_and_other_objects_refused(tmp_path: Path, zipped: bool) -> None:
    for name, content in (("good", torch.ones(2)), ("bad", _Filler())):
        torch.save({"a": content}, tmp_path / name, _use_new_zipfile_serialization=zipped)
    assert read_pth(tmp_path / "good")["a"].sum() == 2
    with pytest.raises(ValueError, match=r"it holds .* bytearray"):
        read_pth(tmp_path / "bad")


def test_a_file_without_names_is_refused(tmp_path: Path) -> None:
    torch.save(torch.ones(2), tmp_path / "a.pth")
    with pytest.raises(ValueError, match="it holds a Tensor"):
        read_pth(tmp_path / "a.pth")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pth")
    with pytest.raises(OSError, match="a pipe or a device"):
        read_pth(tmp_path / "a.pth")
