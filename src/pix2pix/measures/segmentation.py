"""The FCN-score's three numbers (the paper's section 4.1) from a confusion matrix.

K classes; maps are (B, H, W) of class indexes.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor


def confusion(predicted: Tensor, labels: Tensor, classes: int, ignore: Collection[int] = ()) -> Tensor:
    """Return (K, K) counts of pixels: rows are the labels, columns what was predicted.

    Pixels whose label is in `ignore` are left out.
    """
    counted = torch.ones_like(labels, dtype=torch.bool)
    for index in ignore:
        counted &= labels != index
    pairs = labels[counted].long() * classes + predicted[counted].long()
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def scores(matrix: Tensor) -> dict[str, float]:
    """Return per-pixel accuracy, per-class accuracy and class IoU of a (K, K) confusion matrix.

    Classes without a labelled pixel are left out of the means; of no pixels at all it is NaN.
    """
    matrix = matrix.double()
    right, labelled, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    there = labelled > 0
    return {
        "pixel_accuracy": float(right.sum() / matrix.sum()),
        "class_accuracy": float((right / labelled)[there].mean()),
        "class_iou": float((right / (labelled + predicted - right))[there].mean()),
    }
