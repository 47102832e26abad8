import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.export.compare import facts
from pix2pix.inference.translator import Translator
from pix2pix.networks import Generator, build_generator
from pix2pix.networks.graph import Graph
from pix2pix.networks.modes import in_mode
from pix2pix.networks.noise import NoiseInput, keep_factors, noise_keys
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import write_model


@pytest.fixture
def generator(tiny: Callable[..., Config]) -> Generator:
    """A generator of 128 px, whose two innermost layers are noisy."""
    return build_generator(tiny("data.size_px=128", "model.dropout=0.25")).requires_grad_(False)


@pytest.fixture
def source() -> Tensor:
    return torch.rand(2, 3, 128, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1


def graph_of(generator: Generator, mode: str, *, dynamic: bool = True) -> Graph:
    return Graph(generator, mode, (128, 128), dynamic=dynamic)


def test_noisy_layers_become_inputs_from_the_inside_out(generator: Generator) -> None:
    assert graph_of(generator, "paper").noise == (
        NoiseInput("keep_0", layer=0, channels=32, divisor=64, drop=0.25),
        NoiseInput("keep_1", layer=1, channels=32, divisor=32, drop=0.25),
    )


@pytest.mark.parametrize("mode", ["deterministic", "running"])
def test_modes_without_noise_have_no_inputs_for_it(generator: Generator, mode: str) -> None:
    assert graph_of(generator, mode).noise == ()


def test_a_model_without_dropout_has_no_inputs_for_noise(tiny: Callable[..., Config]) -> None:
    assert graph_of(build_generator(tiny("model.dropout=0")), "paper").noise == ()


@pytest.mark.parametrize(("seed", "sample"), [(0, 0), (7, 3)])
def test_masks_from_outside_are_the_masks_of_the_hash(
    generator: Generator, source: Tensor, seed: int, sample: int
) -> None:
    graph = graph_of(generator, "paper")
    found = graph(source, *keep_factors(graph.noise, source, seed=seed, sample=sample))
    with in_mode(generator, "paper"):
        wanted = generator(source, noise_keys(seed, torch.full((2,), sample)))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


def test_factors_of_one_leave_dropout_off(generator: Generator, source: Tensor) -> None:
    graph = graph_of(generator, "paper")
    found = graph(source, *keep_factors(graph.noise, source))
    torch.testing.assert_close(found, graph_of(generator, "deterministic")(source))


def test_the_generator_stays_as_it_is(generator: Generator, source: Tensor) -> None:
    before = generator(source)
    graph_of(generator, "running")
    assert torch.equal(generator(source), before)


def test_a_mode_that_the_model_lacks_is_refused(tiny: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match="running"):
        graph_of(build_generator(tiny("model.norm=instance")), "running")


def test_inputs_have_the_shapes_that_the_graph_takes(generator: Generator) -> None:
    assert graph_of(generator, "paper", dynamic=False).shapes() == {
        "source": [1, 3, 128, 128],
        "keep_0": [1, 32, 2, 2],
        "keep_1": [1, 32, 4, 4],
    }
    assert graph_of(generator, "paper").shapes() == {
        "source": ["batch", 3, "128*rows", "128*columns"],
        "keep_0": ["batch", 32, "2*rows", "2*columns"],
        "keep_1": ["batch", 32, "4*rows", "4*columns"],
    }


def test_a_file_says_what_pictures_it_takes_and_gives(tmp_path: Path) -> None:
    classes = (LabelClass(name="a", colour=(1, 2, 3)), LabelClass(name="b", colour=(4, 5, 6)))
    path = write_model(
        tmp_path / "model.safetensors",
        source=PictureContract(classes=classes, one_hot=True),
        target=PictureContract(channels=1, depth="uint16", high=65535),
    )
    translator = Translator.load(path, "cpu")
    graph = Graph(translator.generator, "paper", (32, 32), dynamic=True)
    found = json.loads(json.dumps(facts(graph, translator.header, path, "int8")))
    versions = found.pop("versions")
    assert versions.keys() == {"pix2pix", "torch"}
    source, target = (found.pop(half) for half in ("source", "target"))
    drawn = [{"name": "a", "colour": [1, 2, 3]}, {"name": "b", "colour": [4, 5, 6]}]
    assert source.items() >= {"channels": 3, "one_hot": True, "classes": drawn}.items()
    assert target.items() >= {"channels": 1, "depth": "uint16", "low": 0, "high": 65535}.items()
    assert found == {
        "format": 1,
        "mode": "paper",
        "precision": "int8",
        "size_px": [32, 32],
        "multiple_px": 32,
        "dynamic": True,
        "noise": [{"input": "keep_0", "layer": 0, "channels": 32, "divisor": 16, "drop": 0.5}],
        "made": "",
        "photograph": None,
        "model_digest": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert facts(graph, translator.header, tmp_path, "int8")["model_digest"] == found["model_digest"]
