"""Measures of a picture against its target: tensors in, numbers out.

To add one, write a function of (output, target), (B, C, H, W) each in [-1, 1], that returns (B,),
and register it here; a target is NaN where it has no data. Validation writes its mean as `val_<name>`.
What compares pictures or sets of them by a feature network costs more, so that validation computes only what
`training.measures` names.
"""

from collections.abc import Callable

from torch import Tensor

from pix2pix.measures.distances import frechet, kid
from pix2pix.measures.features import st_lpips
from pix2pix.measures.pixels import l1, psnr_db, ssim

MEASURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "psnr_db": psnr_db, "ssim": ssim}
PERCEPTUAL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"st_lpips": st_lpips}
# Functions of the features of real and of generated pictures, (N, D) each.
SET_MEASURES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "kid": lambda real, fake: kid(real, fake).value,
    "fid": frechet,
}


def measure(output: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Return every registered measure of each picture: name -> (B,)."""
    return {name: function(output, target) for name, function in MEASURES.items()}
