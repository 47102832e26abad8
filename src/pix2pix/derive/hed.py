"""Holistically-nested edge detection (Xie and Tu, ICCV 2015), from a file of its trained weights.

This is how the paper draws its edges (section 4, edges -> photo). The package ships no weights: the
user names a file, `.safetensors` or a `.pth` of tensors alone, with the layer names of the public
PyTorch port (`moduleVggOne.0.weight` ... `moduleCombine.0.bias`; a prefix `net` is as good).

B batch, C channels, H height, W width.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from pix2pix.errors import UserError, first_line, shortened
from pix2pix.pth import read_pth

# Name, channels and convolutions of each stage.
_STAGES = (("One", 64, 2), ("Two", 128, 2), ("Thr", 256, 3), ("Fou", 512, 3), ("Fiv", 512, 3))
_MEAN_BGR = (104.00698793, 116.66876762, 122.67891434)  # of the pictures that VGG learned from


class HED(nn.Module):
    """VGG-16 without its head: a 1x1 convolution fuses the side outputs of its five stages."""

    def __init__(self) -> None:
        super().__init__()
        before = 3
        for stage, channels, count in _STAGES:
            layers: list[nn.Module] = [nn.MaxPool2d(2, 2)] if stage != "One" else []
            for _ in range(count):
                layers += [nn.Conv2d(before, channels, 3, 1, 1), nn.ReLU()]
                before = channels
            self.add_module(f"moduleVgg{stage}", nn.Sequential(*layers))
            self.add_module(f"moduleScore{stage}", nn.Conv2d(channels, 1, 1))
        self.moduleCombine = nn.Sequential(nn.Conv2d(5, 1, 1), nn.Sigmoid())

    def forward(self, rgb: Tensor) -> Tensor:
        """Return the probability of an edge (B, 1, H, W) of RGB (B, 3, H, W) in [0, 1]; H, W >= 16."""
        x = rgb.flip(1) * 255 - rgb.new_tensor(_MEAN_BGR).view(1, 3, 1, 1)
        side_outputs = []
        for stage, *_ in _STAGES:
            x = self.get_submodule(f"moduleVgg{stage}")(x)
            score = self.get_submodule(f"moduleScore{stage}")(x)
            side_outputs.append(
                nn.functional.interpolate(score, rgb.shape[2:], mode="bilinear", align_corners=False)
            )
        edges: Tensor = self.moduleCombine(torch.cat(side_outputs, 1))
        return edges


@lru_cache(1)
def load(path: Path) -> HED:
    """Return the network with the weights of a file; raise UserError where they do not fit."""
    network = HED()
    try:
        safe = path.suffix.lower() == ".safetensors"
        state: dict[str, Any] = load_file(path) if safe else read_pth(path)
        network.load_state_dict({k.replace("net", "module", 1): v for k, v in state.items()})
    except FileNotFoundError:
        raise UserError(f"There is no file {path}: wanted the weights of HED.") from None
    except Exception as error:
        # Broken files are reported by errors of every type.
        raise UserError(f"{path} does not hold the weights of HED: {shortened(first_line(error))}.") from None
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def probability(rgb: NDArray[np.float32], weights: Path) -> NDArray[np.float32]:
    """Return the probability of an edge (H, W) in RGB (H, W, 3) of [0, 1]."""
    height, width = rgb.shape[:2]
    # Four halvings: smaller pictures are continued by their last row and column.
    margin = ((0, max(0, 16 - height)), (0, max(0, 16 - width)), (0, 0))
    picture = torch.from_numpy(np.pad(rgb, margin, "edge")).movedim(-1, 0)[None]
    edges: NDArray[np.float32] = load(weights)(picture)[0, 0, :height, :width].numpy()
    return edges
