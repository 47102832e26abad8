"""Ablations from pairs to scores: resumed in the middle, shared rows, rows that break, bad input."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.evaluation.ablate import run as module
from pix2pix.evaluation.ablate.layout import Request, requested_runs
from pix2pix.evaluation.ablate.rows import ablation_tables
from pix2pix.evaluation.ablate.run import ablate, describe_ablation
from pix2pix.model_file import load_tensors
from pix2pix.training.state import State
from pix2pix.training.step import plain_step
from pix2pix.training.train import train
from tests.helpers import noise, write

RequestFor = Callable[..., Request]
GENERATORS = ["encdec_l1-0", "encdec_l1_cgan-0", "l1-0", "l1_cgan-0"]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the rows that were trained, as they come."""
    names: list[str] = []

    def counted(data: object, config: object, folder: Path, **how: object) -> object:
        names.append(folder.name)
        return train(data, config, folder, **how)

    monkeypatch.setattr(module, "train", counted)
    return names


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_tensors(folder / "model.safetensors", torch.device("cpu"))[0]


def test_an_ablation_that_was_stopped_in_a_row_goes_on_there(
    request_for: RequestFor, trained: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    request = request_for("generators")
    with monkeypatch.context() as patched:
        steps = iter(range(100))

        def interrupted(state: State, *inputs: object) -> object:
            losses = plain_step(state, *inputs)
            if next(steps) == 12:  # the fifth image of the second row
                signal.raise_signal(signal.SIGINT)
            return losses

        patched.setattr("pix2pix.training.step.plain_step", interrupted)
        stopped = ablate(request)
    assert stopped.stopped == "encoder-decoder, L1 + cGAN, seed 0 at image 5"
    assert list(stopped.scored) == ["encdec_l1-0"]
    assert describe_ablation(request)["encdec_l1_cgan-0"].endswith("continues at image 5 of 8")

    trained.clear()
    outcome = ablate(request)
    assert trained == GENERATORS[1:]
    assert (outcome.stopped, sorted(outcome.scored)) == ("", sorted(GENERATORS))
    train(request.data, requested_runs(request, outcome.tables)[1].config, tmp_path / "whole", device="cpu")
    whole, resumed = weights(tmp_path / "whole"), weights(request.out / "rows" / "encdec_l1_cgan-0")
    assert all(torch.allclose(whole[name], resumed[name], atol=1e-6) for name in whole)


@pytest.mark.slow
def test_tables_share_rows_and_a_finished_one_trains_nothing(
    request_for: RequestFor, trained: list[str]
) -> None:
    ablate(request_for("generators"))
    trained.clear()
    ablate(request_for("generators"))
    assert trained == []
    outcome = ablate(request_for("losses"))
    assert trained == ["gan-0", "cgan-0", "l1_gan-0"]
    assert len(outcome.scored) == 7
    assert describe_ablation(request_for("losses"))["time"] == "none"


@pytest.mark.slow
def test_a_run_that_was_trained_elsewhere_counts_and_so_does_another_seed(
    request_for: RequestFor, trained: list[str], tmp_path: Path
) -> None:
    request = request_for("patches", seeds=2)
    for run in requested_runs(request, ablation_tables(request.config)):
        if run.row.name == "l1_cgan":
            train(request.data, run.config, tmp_path / "elsewhere" / run.name, device="cpu")
    shutil.copytree(tmp_path / "elsewhere", request.out / "rows")
    outcome = ablate(request_for("patches"))
    assert trained == ["patch_1-0", "patch_70-0"]
    assert {run.seed for run in outcome.scored.values() if run.row == "l1_cgan"} == {0, 1}


def test_every_score_is_a_line_that_says_of_what(request_for: RequestFor) -> None:
    request = request_for("patches", labels="facades")
    (note,) = [note for note in ablate(request).notes if "FCN" in note]
    assert "--set data.target_labels=facades" in note
    assert "--scorer scorer" in note
    lines = [json.loads(line) for line in (request.out / "scores.jsonl").read_text().splitlines()]
    assert {line["row"] for line in lines} == {"patch_1", "l1_cgan", "patch_70"}
    assert {"l1", "ssim", "histogram_L"} <= {line["score"] for line in lines}
    assert all(line["pictures"] == 4 and line["model_digest"] for line in lines)


def test_a_row_that_breaks_does_not_stop_the_others(
    request_for: RequestFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(data: object, config: object, folder: Path, **how: object) -> object:
        if folder.name == "patch_1-0":
            raise UserError("Training broke before image 3: loss_d is nan.")
        return train(data, config, folder, **how)

    monkeypatch.setattr(module, "train", breaking)
    outcome = ablate(request_for("patches"))
    assert outcome.failed == ["1 x 1 px, seed 0: Training broke before image 3: loss_d is nan."]
    assert sorted(outcome.scored) == ["l1_cgan-0", "patch_70-0"]


def test_a_patch_that_no_row_has_is_refused_for_patches_alone(request_for: RequestFor) -> None:
    sizes = ("data.size_px=64", "model.discriminator_px=34")
    with pytest.raises(UserError, match=r"No row of --over patches has .* = 34\..*\(1, 16, 70, 142\)"):
        describe_ablation(request_for("patches", *sizes))
    assert "l1_cgan-0" in describe_ablation(request_for("losses", *sizes))


def test_pairs_without_validation_are_refused(request_for: RequestFor, pairs: Path) -> None:
    shutil.rmtree(pairs / "val")
    with pytest.raises(UserError, match=r"no pairs to validate on \(found train: 40\).*data split"):
        ablate(request_for("losses"))


def test_rows_of_other_pairs_are_refused(request_for: RequestFor, pairs: Path) -> None:
    request = request_for("losses")
    for run in requested_runs(request, ablation_tables(request.config))[:1]:
        train(request.data, run.config, request.out / "rows" / run.name, device="cpu")
    write(pairs / "train" / "000.png", noise(32, 64, seed=7))
    with pytest.raises(UserError, match=r"was trained on other pairs than .* has now"):
        ablate(request)
