"""The FCN-score's three numbers (the paper's section 4.1) from a confusion matrix.

K classes; maps are (B, H, W) of class indexes.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from pix2pix.pictures.contract import IGNORED, PictureContract
from pix2pix.pictures.tensors import ignored_pixels


def to_classes(pictures: Tensor, contract: PictureContract) -> Tensor:
    """Return the classes (B, H, W) of label maps, (B, C, H, W) in [-1, 1]: outputs or targets.

    One-hot ones have the class of the highest channel, and IGNORED where none has a share; of colours the
    nearest is taken.
    """
    if contract.one_hot:
        return pictures.argmax(1).masked_fill(ignored_pixels(pictures, 1).squeeze(1), IGNORED)
    colours = torch.tensor([c.colour for c in contract.classes], device=pictures.device) / 127.5 - 1
    distances = torch.cdist(pictures.movedim(1, -1).flatten(1, 2), colours)
    return distances.argmin(-1).reshape(len(pictures), *pictures.shape[2:])


def confusion(predicted: Tensor, labels: Tensor, classes: int, ignore: Collection[int] = ()) -> Tensor:
    """Return (K, K) counts of pixels: rows are the labels, columns what was predicted.

    Pixels whose label is IGNORED or in `ignore` are left out.
    """
    counted = labels < classes
    for index in ignore:
        counted &= labels != index
    pairs = labels[counted].long() * classes + predicted[counted].long()
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def scores(matrix: Tensor) -> dict[str, float]:
    """Return per-pixel accuracy, per-class accuracy and class IoU of a (K, K) confusion matrix.

    Classes without a labelled pixel are left out of the means; of no pixels at all it is NaN.
    """
    matrix = matrix.double()
    right, labelled = matrix.diagonal(), matrix.sum(1)
    there = labelled > 0
    return {
        "pixel_accuracy": float(right.sum() / matrix.sum()),
        "class_accuracy": float((right / labelled)[there].mean()),
        "class_iou": float(torch.tensor(iou_by_class(matrix))[there].mean()),
    }


def iou_by_class(matrix: Tensor) -> list[float]:
    """Return the IoU of each class of a (K, K) confusion matrix; NaN for one without a labelled pixel."""
    matrix = matrix.double()
    right, labelled, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    iou = right / (labelled + predicted - right)
    return torch.where(labelled > 0, iou, torch.nan).tolist()
