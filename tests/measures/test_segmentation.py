"""The FCN-score's numbers against a confusion matrix by hand."""

import pytest
import torch

from pix2pix.measures.segmentation import confusion, scores

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
