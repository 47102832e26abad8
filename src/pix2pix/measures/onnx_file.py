"""A network that a user brings as an ONNX file: pictures in, one tensor out.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pix2pix.errors import UserError, counted
from pix2pix.files import kind


class OnnxNetwork:
    """The first output of an ONNX file for RGB pictures, (B, 3, H, W)."""

    def __init__(self, path: Path, option: str) -> None:
        """Open the file; raise UserError, which names the `option`, for anything but such a network."""
        self.path = path
        if (entry := kind(path)) != "file":
            what = "is a folder" if entry == "folder" else "does not exist"
            raise UserError(f"{option} {path} {what}: wanted a network as an ONNX file.")
        self._session = _open(path, option)
        place, *others = self._session.get_inputs()
        self._name, self.shape = place.name, _shape(place.shape)
        if others or len(place.shape) != 4:
            raise UserError(
                f"{option} {path} takes {len(others) + 1} inputs, the first of shape {self.shape}.",
                "Wanted a network that takes pictures alone, (batch, 3, height, width).",
            )
        self._one_by_one = place.shape[0] == 1

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return the output (B, ...) on the CPU; raise UserError where it cannot take the pictures."""
        parts = torch.split(pictures.cpu(), 1) if self._one_by_one else (pictures.cpu(),)
        try:
            outputs = [self._session.run(None, {self._name: part.numpy()})[0] for part in parts]
            numbers = [torch.from_numpy(output).float() for output in outputs]
        except Exception:  # the runtime raises its own types
            height, width = pictures.shape[2:]
            raise UserError(
                f"{self.path} cannot take RGB pictures of {width} x {height} px: its input is {self.shape}.",
                "Wanted a network that takes (batch, 3, height, width), float32.",
            ) from None
        for part, output in zip(parts, numbers, strict=True):
            if output.shape[:1] != part.shape[:1]:
                raise UserError(
                    f"{self.path} turns {counted(len(part), 'picture')} into numbers of shape "
                    f"{_shape(output.shape)}.",
                    "Wanted an output for each picture, (batch, ...).",
                )
        return torch.cat(numbers)


def _open(path: Path, option: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            f"{option} needs ONNX Runtime for {path}.", "Install it: pip install 'pix2pix[export]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is in the sentence
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception:  # the runtime raises its own types
        raise UserError(
            f"{option} {path} is no ONNX network, or one of operators that ONNX Runtime does not have.",
            "Export the network anew, with torch.onnx.export or the like.",
        ) from None


def _shape(sizes: Sequence[int | str | None]) -> str:
    return f"({', '.join(str(size or '?') for size in sizes)})"
