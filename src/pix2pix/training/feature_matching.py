"""Feature matching (Wang et al., pix2pixHD, CVPR 2018): what D sees in the output is as in the target.

    4 / (n + 1) * sum over D's n layers before the logits of  |D_i(x, G(x,z)) - D_i(x, y)|_1

The target's side is a constant: G learns, D does not.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.training.turn import Turn


def feature_matching(turn: Turn) -> Tensor:
    """Return the distance of D's activations for G(x,z) and for y, a scalar."""
    with torch.no_grad():
        *real, _ = turn.features(turn.y)
    *fake, _ = turn.output_features
    distances = [F.l1_loss(g, y) for g, y in zip(fake, real, strict=True)]
    return 4 / (len(distances) + 1) * torch.stack(distances).sum()
