"""Additions from outside: each is one definition and one line of registration."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from torch import Tensor, nn
from typer.testing import CliRunner

from pix2pix import Translator, train
from pix2pix.cli.main import app
from pix2pix.config import Config, DataConfig
from pix2pix.data import origins
from pix2pix.errors import UserError
from pix2pix.inference.executor import EXECUTORS, Executor
from pix2pix.measures import MEASURES
from pix2pix.networks import GENERATORS, Generator
from pix2pix.networks.layers import make_norm
from pix2pix.networks.noise import Noise, NoiseInput, noisy_dropout
from pix2pix.pairs.find import Half, Pair, PairSet, split_up
from pix2pix.training.objective import DISCRIMINATOR_TERMS, GENERATOR_TERMS
from tests.helpers import noise, pixels, small, write, write_model, write_pairs, write_text


class Plain(Generator):
    """Two convolutions, with noise between."""

    def __init__(self, config: Config) -> None:
        model = config.model
        super().__init__(
            model.source_channels,
            model.target_channels,
            multiple_px=2,
            noise=[NoiseInput("keep_0", 0, model.width, 2, model.dropout)],
        )
        self.first = nn.Conv2d(model.source_channels, model.width, 3, 2, 1, bias=False)
        self.norm = make_norm(model.norm, model.width)
        self.last = nn.ConvTranspose2d(model.width, model.target_channels, 4, 2, 1)
        self.drop = model.dropout

    def logits(self, source: Tensor, noise: Noise | None = None) -> Tensor:
        x = self.norm(self.first(source)).relu()
        logits: Tensor = self.last(x if noise is None else noisy_dropout(x, noise, 0, self.drop))
        return logits


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_generator_trains_is_saved_and_translates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setitem(GENERATORS, "plain", Plain)
    data = write_pairs(tmp_path / "pairs", 4)
    config = small("model.generator=plain", "training.images=8")
    result = train([data], config, tmp_path / "run", device="cpu")
    translator = Translator.load(result.model, "cpu", engine=engine)
    assert isinstance(translator.generator, Plain)
    source = noise(5, 7)
    paper, again, other = (
        np.asarray(translator.translate(source, mode="paper", seed=seed), np.int16) for seed in (0, 0, 1)
    )
    assert paper.shape == (5, 7, 3)
    assert np.abs(paper - again).max() <= 1
    assert np.abs(paper - other).max() > 1
    assert translator.translate(source, mode="running").size == (7, 5)

    monkeypatch.delitem(GENERATORS, "plain")
    with pytest.raises(UserError, match=r"model\.safetensors: There is no generator 'plain'"):
        Translator.load(result.model, "cpu")


def test_which_sizes_fit_is_the_generators_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Quarters(Plain):
        """Multiples of 4 px, as of a ResNet with two halvings."""

        def __init__(self, config: Config) -> None:
            super().__init__(config)
            self.multiple_px = 4

    monkeypatch.setitem(GENERATORS, "quarters", Quarters)
    data, size = write_pairs(tmp_path / "pairs", 2), "data.size_px=36"
    config = small("model.generator=quarters", "training.images=2", size)
    result = train([data], config, tmp_path / "run", device="cpu")
    assert Translator.load(result.model, "cpu").translate(noise(33, 47)).size == (47, 33)

    words = ["train", str(data), "--run", str(tmp_path / "other"), "--device", "cpu", "--set", size]
    words += ["--set", "model.discriminator_px=16"]
    for flags in ([], ["--dry-run"]):
        done = CliRunner().invoke(app, [*words, *flags])
        assert done.exit_code == 2
        assert "data.size_px = 36 is not possible: wanted multiples of 32 px" in done.output
        assert not (tmp_path / "other").exists()


def test_an_unknown_generator_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "pairs", 2)
    with pytest.raises(UserError, match="no generator 'unett'; did you mean 'unet'"):
        train([data], small("model.generator=unett"), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_place_where_pictures_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def numbered(data: Sequence[str], config: DataConfig) -> PairSet | None:
        """Pairs of noise, `noise:COUNT`."""
        if not data[0].startswith("noise:"):
            return None
        files = [write(tmp_path / f"{n}.png", noise(32, 64, seed=n)) for n in range(int(data[0][6:]))]
        return split_up(
            {"train": [Pair(p.stem, Half(p, "left"), Half(p, "right")) for p in files]}, "side by side"
        )

    monkeypatch.setattr(origins, "ORIGINS", [numbered, *origins.ORIGINS])
    pairs = origins.find_data(["noise:3"], DataConfig())
    assert [pair.name for pair in pairs.splits["train"]] == ["0", "1", "2"]
    config = small("training.images=2")
    assert train(["noise:3"], config, tmp_path / "run", device="cpu").images_seen == 2


def test_a_way_to_run_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mirror(generator: Generator, *_: object) -> Executor:
        """Build what returns the source, mirrored, where the network would run."""
        return lambda source, keys, mode: source.flip(3)

    monkeypatch.setitem(EXECUTORS, "mirror", mirror)
    model, picture = write_model(tmp_path / "model.safetensors"), write(tmp_path / "a.png", noise(32, 32))
    translator = Translator.load(model, "cpu", engine="mirror")
    assert np.array_equal(np.asarray(translator.translate(picture)), noise(32, 32)[:, ::-1])
    assert translator.how.startswith("mirror, fp32, on cpu")

    words = ["translate", str(model), str(picture), "-o", str(tmp_path / "b.png")]
    done = CliRunner().invoke(app, [*words, "--engine", "mirror", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert np.array_equal(pixels(tmp_path / "b.png"), noise(32, 32)[:, ::-1])


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]


TERMS = '''
import torch
from torch.nn.functional import l1_loss

from pix2pix.training.turn import Turn


def r1(turn: Turn) -> torch.Tensor:
    """The squared norm of D's gradient at real targets."""
    target = turn.y.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(turn.features(target)[-1].sum(), target, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def feature_matching(turn: Turn) -> torch.Tensor:
    """L1 between D's activations for the generated and for the real target."""
    *generated, _ = turn.features(turn.g)
    *real, _ = turn.features(turn.y)
    distances = [l1_loss(g, y.detach()) for g, y in zip(generated, real, strict=True)]
    return 4 / (len(distances) + 1) * torch.stack(distances).sum()
'''


def new_terms(folder: Path) -> ModuleType:
    """Write a module of loss terms and import it, as its line in `objective.py` would."""
    spec = importlib.util.spec_from_file_location("new_terms", write_text(folder / "new_terms.py", TERMS))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("engine", ["plain", "graph"])
def test_loss_terms_and_a_regulariser_in_a_new_file_train_and_are_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    terms = new_terms(tmp_path)
    monkeypatch.setitem(GENERATOR_TERMS, "brightness", lambda turn: (turn.g + 1).mean())
    monkeypatch.setitem(GENERATOR_TERMS, "feature_matching", terms.feature_matching)
    monkeypatch.setitem(DISCRIMINATOR_TERMS, "r1", terms.r1)
    data = write_pairs(tmp_path / "pairs", 4)
    config = small(
        *("training.images=20", "training.log_images=4", "training.learning_rate=0.01"),
        "objective.terms={brightness = 1000, feature_matching = 10, r1 = 5}",
    )
    train([data], config, tmp_path / "run", device="cpu", engine=engine)
    lines = [line for line in metrics(tmp_path / "run") if "loss_d" in line]
    assert lines[-1]["loss_brightness"] < lines[0]["loss_brightness"]
    assert all(line["loss_r1"] > 0 and line["loss_feature_matching"] > 0 for line in lines)
    page = (tmp_path / "run" / "index.html").read_text("utf-8")
    assert "1000 brightness" in page
    assert "<h3>Loss: feature matching</h3>" in page


def test_a_new_file_of_loss_terms_may_be_imported_before_the_objective(tmp_path: Path) -> None:
    write_text(tmp_path / "new_terms.py", TERMS)
    code = "import new_terms, pix2pix.training.objective"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_an_unknown_loss_term_is_refused_with_the_registered_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DISCRIMINATOR_TERMS, "r1", lambda turn: turn.g.mean())
    data = write_pairs(tmp_path / "pairs", 2)
    with pytest.raises(
        UserError, match=r"names 'r2', which is no registered loss term.*: feature_matching, r1"
    ):
        train([data], small("objective.terms={r2 = 5}"), tmp_path / "run", device="cpu")
    with pytest.raises(UserError, match="there is no D"):
        train([data], small("objective.terms={r1 = 5}", "objective.gan=0"), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_measure_is_among_the_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEASURES, "largest", lambda output, target: (output - target).abs().amax((1, 2, 3)))
    data = write_pairs(tmp_path / "pairs" / "train", 4).parent
    write_pairs(data / "val", 2)
    result = train([data], small("training.images=4"), tmp_path / "run", device="cpu")
    assert result.scores["val_largest"] > result.scores["val_l1"]
    assert metrics(tmp_path / "run")[-1]["val_largest"] == result.scores["val_largest"]
    assert "Validation: largest" in (tmp_path / "run" / "index.html").read_text("utf-8")
