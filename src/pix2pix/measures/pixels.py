"""Distances between a picture and its target, pixel by pixel or patch by patch.

They are reported and never choose a model by themselves: each of them rewards blur. Pictures are
(B, C, H, W) in [-1, 1], results (B,). torchmetrics is imported late: it imports what it finds of
transformers, SciPy and Matplotlib, which takes seconds.
"""

import torch
from torch import Tensor

from pix2pix.device import exact_convolutions


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute difference, in units of [-1, 1]."""
    return (output - target).abs().mean((1, 2, 3))


def l1_variety(variants: Tensor) -> Tensor:
    """Return the mean absolute difference of two of (S, C, H, W) variants, over all pairs: a scalar."""
    count = len(variants)
    # In sorted order the k-th of S values is added in k differences and subtracted in S - 1 - k.
    weights = 2 * torch.arange(count, dtype=variants.dtype) - (count - 1)
    ordered = variants.sort(0).values.mean((1, 2, 3))
    return (weights * ordered).sum() * 2 / (count * (count - 1))


def psnr_db(output: Tensor, target: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio in decibels."""
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return peak_signal_noise_ratio(output, target, data_range=(-1.0, 1.0), reduction="none", dim=(1, 2, 3))


def ssim(output: Tensor, target: Tensor) -> Tensor:
    """Return the structural similarity, 1 where both are equal."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    with exact_convolutions():  # its variances are small differences of squares
        similarity = structural_similarity_index_measure(
            output, target, data_range=(-1.0, 1.0), reduction="none"
        )
    assert isinstance(similarity, Tensor)  # a tuple only where the full image is requested
    return similarity
