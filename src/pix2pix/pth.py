"""Files `.pth` of strangers: tensors and their names, nothing else is unpickled."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import torch

from pix2pix.parsing import refuse_pipe

# What a file of tensors names. Torch allows more: a `bytearray` of any size fills the memory.
_OF_TENSORS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor|tensor_v2|parameter)|torch (Size|\w+Storage)"
)
_LARGEST_LIST_BYTES = 100_000_000  # of names and shapes
_OLD_PICKLES = 5  # in a file of before torch 1.6, one after the other


class NotTensorsError(ValueError):
    """A file holds something else than tensors and their names; the message says what."""


def read_pth(path: Path) -> dict[str, Any]:
    """Return the tensors of a file by name.

    Raises NotTensorsError for what holds something else, OSError, or what the broken place happens to raise.
    """
    refuse_pipe(path)
    with path.open("rb") as file:
        if zipped := zipfile.is_zipfile(file):
            _check_archive(file)
        else:
            file.seek(0)
            for _ in range(_OLD_PICKLES):
                _check_names(file)
    # Mapped where the format allows: a file of gigabytes that holds something else is not read whole.
    tensors = torch.load(path, weights_only=True, map_location="cpu", mmap=zipped)
    if not isinstance(tensors, dict):
        raise NotTensorsError(f"it holds a {type(tensors).__name__}")
    return tensors


def _check_archive(file: BinaryIO) -> None:
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(".pkl"):
                if entry.file_size > _LARGEST_LIST_BYTES:
                    raise ValueError(f"its list of tensors has {entry.file_size:,} bytes")
                _check_names(io.BytesIO(archive.read(entry)))


def _check_names(file: BinaryIO) -> None:
    """Raise ValueError where a pickle names more than tensors; nothing is unpickled."""
    for operation, name, _ in pickletools.genops(file):
        if operation.name in ("GLOBAL", "INST", "STACK_GLOBAL") and not _OF_TENSORS.fullmatch(str(name)):
            raise NotTensorsError(f"it holds {name or 'objects'}")
