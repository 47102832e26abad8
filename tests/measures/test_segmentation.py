"""The FCN-score's numbers against a confusion matrix by hand."""

import math

import pytest
import torch

from pix2pix.measures.segmentation import confusion, iou_by_class, scores, to_classes
from pix2pix.pictures.contract import IGNORED, Ignored
from pix2pix.pictures.palette import Palette, label_contract

LABELS = torch.tensor([[[0, 0, 1], [1, 2, 3]]])
PREDICTED = torch.tensor([[[0, 1, 1], [1, 0, 2]]])


def test_rows_are_labels_and_columns_predictions() -> None:
    matrix = confusion(PREDICTED, LABELS, 4)
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]


def test_scores_by_hand() -> None:
    found = scores(confusion(PREDICTED, LABELS, 4, ignore=[3]))
    assert found["pixel_accuracy"] == pytest.approx(3 / 5)
    assert found["class_accuracy"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert found["class_iou"] == pytest.approx((1 / 3 + 2 / 3 + 0) / 3)


def test_classes_without_a_pixel_are_left_out_of_the_means() -> None:
    right = torch.zeros(1, 2, 2, dtype=torch.int64)
    assert scores(confusion(right, right, 5)) == {"pixel_accuracy": 1, "class_accuracy": 1, "class_iou": 1}


def test_ignored_labels_are_counted_nowhere() -> None:
    labels = LABELS.clone()
    labels[0, 1, 1:] = IGNORED
    assert confusion(PREDICTED, labels, 4).tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [0] * 4, [0] * 4]


def test_iou_by_class_by_hand() -> None:
    iou = iou_by_class(confusion(PREDICTED, LABELS, 5))
    assert iou[:4] == pytest.approx([1 / 3, 2 / 3, 0, 0])
    assert math.isnan(iou[4])


@pytest.mark.parametrize("one_hot", [False, True])
def test_label_maps_become_classes(one_hot: bool) -> None:
    palette = Palette(("a", "b"), ((255, 0, 0), (0, 0, 255)), Ignored(index=255, colour=(0, 0, 0)))
    channels = (
        [[0.2, -0.9, 0.0], [-0.4, 0.8, -1.0]] if one_hot else [[0.9, -1.0, 1], [-1, -0.9, -1], [-1, 1, 0]]
    )
    pictures = torch.tensor(channels)[None, :, None]
    assert to_classes(pictures, label_contract(palette, one_hot=one_hot)).tolist() == [[[0, 1, 0]]]


def test_a_one_hot_target_may_be_of_no_class() -> None:
    palette = Palette(("a", "b"), ((255, 0, 0), (0, 0, 255)), Ignored(index=255, colour=(0, 0, 0)))
    target = torch.tensor([[1.0, -1], [-1, -1]])[None, :, None]
    assert to_classes(target, label_contract(palette, one_hot=True)).tolist() == [[[0, IGNORED]]]
