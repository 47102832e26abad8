"""The rows of the paper's tables: their settings, shared ones, and those that pictures are too small for."""

from __future__ import annotations

import pytest

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.evaluation.ablate.rows import Row, ablation_tables, with_seed


def rows(over: str, *settings: str) -> dict[str, Row]:
    return {row.name: row for row in ablation_tables(Config.load(None, settings))[over].rows}


@pytest.mark.parametrize(
    ("over", "name", "changed"),
    [
        ("losses", "l1", {"objective.gan": 0}),
        ("losses", "gan", {"objective.l1": 0, "objective.conditional": False}),
        ("losses", "cgan", {"objective.l1": 0}),
        ("losses", "l1_gan", {"objective.conditional": False}),
        ("losses", "l1_cgan", {}),
        ("generators", "encdec_l1", {"model.generator": "encoder_decoder", "objective.gan": 0}),
        ("generators", "encdec_l1_cgan", {"model.generator": "encoder_decoder"}),
        ("patches", "patch_1", {"model.discriminator_px": 1}),
        ("patches", "patch_16", {"model.discriminator_px": 16}),
        ("patches", "patch_286", {"model.discriminator_px": 286}),
    ],
)
def test_a_row_changes_what_it_says_and_nothing_else(
    over: str, name: str, changed: dict[str, object]
) -> None:
    differences = rows(over)[name].config.differences(Config())
    assert {key: value for key, value, _ in differences} == changed


def test_shared_rows_are_equal_and_ten_in_all() -> None:
    every = [row for table in ablation_tables(Config()).values() for row in table.rows]
    assert len(every) == 13
    by_name: dict[str, Config] = {}
    assert all(by_name.setdefault(row.name, row.config) == row.config for row in every)
    assert len(by_name) == 10


def test_a_row_has_the_paper_numbers_of_its_table() -> None:
    assert rows("losses")["l1_cgan"].paper["pixel_accuracy"] == 0.66
    assert rows("generators")["l1_cgan"].paper["pixel_accuracy"] == 0.55
    assert rows("patches")["patch_1"].paper["histogram_a"] == 0.68


def test_a_patch_that_does_not_fit_gives_way_to_the_largest_and_says_so() -> None:
    small = rows("patches", "data.size_px=64")
    assert list(small) == ["patch_1", "patch_16", "l1_cgan", "patch_142"]
    assert small["patch_142"].config.model.discriminator_px == 142
    assert small["patch_142"].label == "142 x 142 px (largest that fits; paper: 286)"
    assert small["patch_142"].paper["pixel_accuracy"] == 0.42


def test_patches_that_come_to_the_same_are_one_row() -> None:
    tiny = rows("patches", "data.size_px=16", "model.depth=2", "model.discriminator_px=16")
    assert [row.label for row in tiny.values()] == [
        "1 x 1 px",
        "16 x 16 px",
        "34 x 34 px (largest that fits; paper: 70)",
    ]


@pytest.mark.parametrize("size_px", [1, 16, 34])
def test_numbers_of_a_patch_do_not_depend_on_which_one_is_the_method(size_px: int) -> None:
    stated = rows("patches", f"model.discriminator_px={size_px}").values()
    assert [row.paper for row in stated] == [row.paper for row in rows("patches").values()]


def test_label_targets_are_compared_with_the_paper_s_label_scores() -> None:
    settings = ("data.target_labels=cityscapes", "data.target_one_hot=true")
    losses = rows("losses", *settings)
    assert losses["l1"].paper == {"pixel_accuracy": 0.86, "class_accuracy": 0.42, "class_iou": 0.35}
    assert losses["l1"].label == "cross-entropy"
    assert losses["gan"].paper == {}


@pytest.mark.parametrize(
    "setting",
    ["model.generator=encoder_decoder", "objective.l1=0", "objective.gan=0", "objective.conditional=false"],
)
def test_what_rows_vary_cannot_be_set(setting: str) -> None:
    with pytest.raises(UserError, match=f"cannot change {setting.partition('=')[0]}: that is what its rows"):
        rows("losses", setting)


def test_a_seed_changes_nothing_else() -> None:
    assert Config().differences(with_seed(Config(), 3)) == [("training.seed", 0, 3)]
