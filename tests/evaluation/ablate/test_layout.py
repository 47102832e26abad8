"""The folder of an ablation: which runs it holds, and folders that are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pix2pix.errors import UserError
from pix2pix.evaluation.ablate.layout import (
    Request,
    RowRun,
    refuse_other_budget,
    requested_runs,
    runs_on_disk,
)
from pix2pix.evaluation.ablate.rows import ablation_tables
from tests.helpers import write_text

RequestFor = Callable[..., Request]


def write_config(run: RowRun) -> None:
    write_text(run.folder / "config.toml", run.config.to_toml())


def test_all_rows_of_a_seed_come_before_the_next(request_for: RequestFor) -> None:
    request = request_for("generators", "training.seed=5", seeds=2)
    names = [run.name for run in requested_runs(request, ablation_tables(request.config))]
    assert names == [
        f"{row}-{seed}" for seed in (5, 6) for row in ("encdec_l1", "encdec_l1_cgan", "l1", "l1_cgan")
    ]


def test_runs_of_every_table_and_seed_are_seen_and_other_folders_are_not(request_for: RequestFor) -> None:
    request = request_for("losses", seeds=2)
    tables = ablation_tables(request.config)
    for run in requested_runs(request, tables):
        if run.row.name in ("l1", "l1_cgan"):
            write_config(run)
    for name in ("mine", "l1-old", "patch_34-0"):
        write_text(request.out / "rows" / name / "config.toml")
    assert [run.name for run in runs_on_disk(request.out, tables, "losses")] == [
        "l1-0",
        "l1-1",
        "l1_cgan-0",
        "l1_cgan-1",
    ]


def test_a_shared_row_is_called_as_in_the_table_that_was_requested(request_for: RequestFor) -> None:
    request = request_for("losses")
    tables = ablation_tables(request.config)
    write_config(requested_runs(request, tables)[-1])
    labels = [str(runs_on_disk(request.out, tables, over)[0]) for over in tables]
    assert labels == ["L1 + cGAN, seed 0", "U-Net, L1 + cGAN, seed 0", "16 x 16 px, seed 0"]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("training.images=20", "training.images is 8 there and 20 here"),
        ("model.width=8", "model.width is 4 there and 8 here"),
    ],
)
def test_rows_of_another_budget_are_refused(request_for: RequestFor, setting: str, sentence: str) -> None:
    first = request_for("losses")
    write_config(requested_runs(first, ablation_tables(first.config))[0])
    other = ablation_tables(request_for("patches", setting).config)
    with pytest.raises(UserError, match=rf"holds rows of another budget: l1-0 \({sentence}\)"):
        refuse_other_budget(first.out, other, "patches")


def test_intervals_may_differ(request_for: RequestFor) -> None:
    request = request_for("losses")
    write_config(requested_runs(request, ablation_tables(request.config))[0])
    other = ablation_tables(request_for("losses", "training.log_images=3").config)
    refuse_other_budget(request.out, other, "losses")


def test_a_folder_of_something_else_is_refused(request_for: RequestFor) -> None:
    request = request_for("losses")
    write_text(request.out / "index.html")
    with pytest.raises(UserError, match="is not empty and no ablation"):
        refuse_other_budget(request.out, ablation_tables(request.config), "losses")
