"""How near a picture is to its target: L1, PSNR, SSIM.

They are reported and never choose a model by themselves: each of them rewards blur.
"""

from __future__ import annotations

from torch import Tensor

from pix2pix.device import exact_convolutions


def measure(output: Tensor, target: Tensor) -> dict[str, Tensor]:
    """The measures of each picture: (B, C, H, W) twice, in [-1, 1] -> name -> (B,).

    `l1` is the mean absolute difference in [-1, 1] units, `psnr_db` in decibels, `ssim` up to 1.
    """
    # Not before it is needed: torchmetrics imports what it finds of transformers, SciPy and
    # Matplotlib, which takes many seconds, and a run would begin so much later.
    from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

    with exact_convolutions():  # its variances are small differences of squares
        ssim = structural_similarity_index_measure(output, target, data_range=(-1.0, 1.0), reduction="none")
    assert isinstance(ssim, Tensor)  # a tuple only where the full image is asked for
    return {
        "l1": (output - target).abs().mean((1, 2, 3)),
        "psnr_db": peak_signal_noise_ratio(
            output, target, data_range=(-1.0, 1.0), reduction="none", dim=(1, 2, 3)
        ),
        "ssim": ssim,
    }
