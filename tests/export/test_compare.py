import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.export.compare import Difference, Run, compare, comparison_sources
from pix2pix.inference.translator import Translator
from pix2pix.networks.graph import Graph
from pix2pix.pictures import tensors
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import noise, write, write_model, write_text


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("run") / "model.safetensors")


@pytest.fixture(scope="module")
def translator(model: Path) -> Translator:
    return Translator.load(model, "cpu")


@pytest.fixture(scope="module")
def graph(translator: Translator) -> Graph:
    return Graph(translator.generator, "paper", (32, 32), dynamic=True)


def compared(translator: Translator, graph: Graph, run: Run, sources: Sequence[Tensor]) -> Difference:
    return compare(run, translator, "paper", graph.noise, list(sources))


def off_by(graph: Graph, error: float) -> Run:
    """What runs the graph with one value of the first picture wrong."""

    def run(source: Tensor, keep: list[Tensor]) -> Tensor:
        target = graph(source, *keep).clone()
        target[0, 0, 0, 0] += error
        return target

    return run


def test_the_package_differs_from_itself_by_nothing(translator: Translator, graph: Graph) -> None:
    sources = [torch.rand(2, 3, 32, 64), torch.rand(1, 3, 64, 32)]
    found = compared(translator, graph, off_by(graph, 0), sources)
    # Three pictures, each with noise on and off.
    assert found == Difference(largest=0, mean=0, psnr_db=math.inf, comparisons=6)


def test_differences_are_the_largest_the_mean_and_the_psnr_of_the_worst_picture(
    translator: Translator, graph: Graph
) -> None:
    found = compared(translator, graph, off_by(graph, 0.25), [torch.rand(2, 3, 32, 32)])
    assert found.largest == pytest.approx(0.25, abs=1e-6)
    assert found.mean == pytest.approx(0.25 / 2 / (3 * 32 * 32), abs=1e-8)
    assert found.psnr_db == pytest.approx(10 * math.log10(4 / (0.25**2 / (3 * 32 * 32))), abs=1e-3)


def test_what_is_not_a_number_is_as_far_off_as_can_be(translator: Translator, graph: Graph) -> None:
    found = compared(translator, graph, off_by(graph, math.nan), [torch.rand(1, 3, 32, 32)])
    assert (found.largest, found.mean, found.psnr_db) == (math.inf, math.inf, -math.inf)


def test_noise_that_is_left_out_is_a_difference(translator: Translator, graph: Graph) -> None:
    deaf = Graph(translator.generator, "deterministic", (32, 32), dynamic=True)
    found = compared(translator, graph, lambda source, _: deaf(source), [torch.rand(1, 3, 32, 32)])
    assert found.largest > 0.01


@pytest.mark.parametrize(
    ("precision", "within", "above"),
    [
        ("fp32", Difference(1e-4, 1e-4, 0, 1), Difference(1.1e-4, 0, 99, 1)),
        ("fp16", Difference(1e-2, 1e-2, 0, 1), Difference(1.1e-2, 0, 99, 1)),
        ("int8", Difference(1, 1, 45, 1), Difference(0, 0, 44.9, 1)),
    ],
)
def test_above_the_tolerance_of_the_precision_is_refused(
    precision: str, within: Difference, above: Difference
) -> None:
    within.check(precision)
    with pytest.raises(UserError, match="does not compute what the model computes"):
        above.check(precision)


# What is compared on


def test_a_dynamic_graph_is_compared_at_several_sizes(translator: Translator, model: Path) -> None:
    sources = comparison_sources(translator, model, dynamic=True)
    assert [tuple(s.shape) for s in sources] == [(2, 3, 32, 32), (2, 3, 32, 64), (2, 3, 64, 32)]
    assert all(bool((s.abs() <= 1).all()) for s in sources)
    smooth, noisy = sources[0]
    assert (smooth.diff().abs().mean() * 2) < noisy.diff().abs().mean()


def test_a_fixed_graph_is_compared_on_pictures_of_its_size(translator: Translator, model: Path) -> None:
    sources = comparison_sources(translator, model, dynamic=False)
    assert [tuple(s.shape) for s in sources] == [(1, 3, 32, 32)] * 2


def test_examples_beside_the_model_are_compared_on(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    for number in range(6):
        write(tmp_path / "examples" / "source" / f"{number}.png", noise(40, 30, seed=number))
    translator = Translator.load(model, "cpu")
    for path in (model, tmp_path):
        first, *others = comparison_sources(translator, path, dynamic=True)
        assert (first.shape, len(others)) == ((1, 3, 64, 32), 3 + 3)
        read = tensors.to_tensor(noise(40, 30, seed=0), PictureContract())
        assert torch.equal(first[0, :, :40, :30], read)
    fixed = comparison_sources(translator, model, dynamic=False)
    assert {tuple(s.shape) for s in fixed} == {(1, 3, 32, 32)}


def test_an_example_that_is_no_picture_is_named(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    write_text(tmp_path / "examples" / "source" / "broken.png")
    with pytest.raises(UserError, match=r"broken\.png"):
        comparison_sources(Translator.load(model, "cpu"), model, dynamic=True)


def test_made_sources_of_classes_are_one_hot(tmp_path: Path) -> None:
    classes = tuple(LabelClass(name=f"c{n}", colour=(n, n, n)) for n in range(5))
    model = write_model(tmp_path / "model.safetensors", source=PictureContract(classes=classes, one_hot=True))
    for source in comparison_sources(Translator.load(model, "cpu"), model, dynamic=True):
        assert torch.equal(source.sum(1), torch.full_like(source[:, 0], 1 - 4))
        assert source.unique().tolist() == [-1, 1]
        assert len(source.argmax(1).unique()) == 5
