"""Distances between a picture and its target, pixel by pixel or patch by patch.

They are reported and never choose a model by themselves: each of them rewards blur. Pictures are
(B, C, H, W) in [-1, 1], results (B,). Pixels of a target without data, NaN, are left out. torchmetrics
is imported late: it imports what it finds of transformers, SciPy and Matplotlib, which takes seconds.
"""

import torch
from torch import Tensor
from torch.nn import functional

from pix2pix.device import exact_convolutions

_WINDOW_PX = 11  # of SSIM


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute difference, in units of [-1, 1]."""
    apart = (output - target).abs()
    return apart.nanmean((1, 2, 3)) if target.isnan().any() else apart.mean((1, 2, 3))


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

    if target.isnan().any():
        return 10 * torch.log10(4 / ((output - target) ** 2).nanmean((1, 2, 3)))
    return peak_signal_noise_ratio(output, target, data_range=(-1.0, 1.0), reduction="none", dim=(1, 2, 3))


def ssim(output: Tensor, target: Tensor) -> Tensor:
    """Return the structural similarity, 1 where both are equal."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    if target.isnan().any():
        return _ssim_where_known(output, target)
    with exact_convolutions():  # its variances are small differences of squares
        similarity = structural_similarity_index_measure(
            output, target, data_range=(-1.0, 1.0), reduction="none"
        )
    assert isinstance(similarity, Tensor)  # a tuple only where the full image is requested
    return similarity


def _ssim_where_known(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean similarity of windows without a missing pixel; of all, where no window is whole."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    unknown = target.isnan()
    with exact_convolutions():
        _, similarity = structural_similarity_index_measure(
            output.masked_fill(unknown, 0),
            target.masked_fill(unknown, 0),
            data_range=(-1.0, 1.0),
            reduction="none",
            return_full_image=True,
        )
    touched = functional.max_pool2d(unknown.float(), _WINDOW_PX, 1, _WINDOW_PX // 2) > 0
    whole = similarity.masked_fill(touched, torch.nan).nanmean((1, 2, 3))
    return torch.where(whole.isnan(), similarity.masked_fill(unknown, torch.nan).nanmean((1, 2, 3)), whole)
