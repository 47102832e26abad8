import errno
import logging
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.export.compare import (
    Difference,
    Exported,
    Runner,
    Writer,
    compare,
    comparison_sources,
    export_checked,
)
from pix2pix.inference.translator import Translator
from pix2pix.networks.graph import Graph
from pix2pix.pictures import tensors
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.progress import Progress
from tests.helpers import files_below, noise, write, write_model, write_text


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("run") / "model.safetensors")


@pytest.fixture(scope="module")
def translator(model: Path) -> Translator:
    return Translator.load(model, "cpu")


@pytest.fixture(scope="module")
def graph(translator: Translator) -> Graph:
    return Graph(translator.generator, "paper", (32, 32), dynamic=True)


def compared(translator: Translator, graph: Graph, runner: Runner, sources: Sequence[Tensor]) -> Difference:
    return compare(runner, translator, "paper", graph.noise, list(sources))


def off_by(graph: Graph, error: float) -> Runner:
    """Return a runner of the graph with one value of the first picture wrong."""

    def run(source: Tensor, keep: list[Tensor]) -> Tensor:
        target = graph(source, *keep).clone()
        target[0, 0, 0, 0] += error
        return target

    return run


def test_the_package_does_not_differ_from_itself(translator: Translator, graph: Graph) -> None:
    sources = [torch.rand(2, 3, 32, 64), torch.rand(1, 3, 64, 32)]
    difference = compared(translator, graph, off_by(graph, 0), sources)
    assert difference.comparisons == 6  # three pictures, each with noise on and off
    assert max(difference.largest, difference.mean) < 1e-6
    assert difference.psnr_db > 120


def test_differences_are_the_largest_the_mean_and_the_psnr_of_the_worst_picture(
    translator: Translator, graph: Graph
) -> None:
    difference = compared(translator, graph, off_by(graph, 0.25), [torch.rand(2, 3, 32, 32)])
    assert difference.largest == pytest.approx(0.25, abs=1e-6)
    assert difference.mean == pytest.approx(0.25 / 2 / (3 * 32 * 32), abs=1e-8)
    assert difference.psnr_db == pytest.approx(10 * math.log10(4 / (0.25**2 / (3 * 32 * 32))), abs=1e-3)


def test_a_value_that_is_not_a_number_is_infinitely_far_off(translator: Translator, graph: Graph) -> None:
    difference = compared(translator, graph, off_by(graph, math.nan), [torch.rand(1, 3, 32, 32)])
    assert (difference.largest, difference.mean, difference.psnr_db) == (math.inf, math.inf, -math.inf)


def test_noise_that_is_left_out_is_a_difference(translator: Translator, graph: Graph) -> None:
    noiseless = Graph(translator.generator, "deterministic", (32, 32), dynamic=True)
    difference = compared(translator, graph, lambda source, _: noiseless(source), [torch.rand(1, 3, 32, 32)])
    assert difference.largest > 0.01


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


# Sources to compare on


def test_a_dynamic_graph_is_compared_at_several_sizes(translator: Translator, model: Path) -> None:
    sources = comparison_sources(translator, model, dynamic=True)
    assert [tuple(s.shape) for s in sources] == [(2, 3, 32, 32), (2, 3, 32, 64), (2, 3, 64, 32)]
    assert all(bool((s.abs() <= 1).all()) for s in sources)
    smooth, noisy = sources[0]
    assert (smooth.diff().abs().mean() * 2) < noisy.diff().abs().mean()


def test_a_fixed_graph_is_compared_on_pictures_of_its_size(translator: Translator, model: Path) -> None:
    sources = comparison_sources(translator, model, dynamic=False)
    assert [tuple(s.shape) for s in sources] == [(1, 3, 32, 32)] * 2


def test_examples_next_to_the_model_are_compared_on(tmp_path: Path) -> None:
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


# Files that are kept

WRITTEN = b"a graph"


def export(model: Path, out: Path, write: Writer, **options: Any) -> Exported:
    return export_checked(model, out, write, **({"suffix": ".bin", "dynamic": True} | options))


def writer(error: float = 0.0) -> Writer:
    """Return a writer of a few bytes that then runs the graph itself, off by an error."""

    def write(graph: Graph, facts: dict[str, Any], path: Path) -> Runner:
        path.write_bytes(WRITTEN)
        logging.getLogger("exporter").warning("for developers")
        warnings.warn("for developers", stacklevel=1)

        def run(source: Tensor, keep: list[Tensor]) -> Tensor:
            target: Tensor = graph(source, *keep) + error
            return target

        return run

    return write


def test_a_good_file_is_kept_and_described(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    exported = export(model, tmp_path / "new" / "graph.bin", writer())
    assert exported.path.read_bytes() == WRITTEN
    assert exported.size_bytes == len(WRITTEN)
    assert exported.inputs["source"] == ["batch", 3, "32*rows", "32*columns"]
    assert exported.difference.largest < 1e-6
    assert (exported.facts["mode"], exported.facts["dynamic"]) == ("paper", True)
    assert not caplog.records
    assert files_below(tmp_path) == {"new/graph.bin"}


@pytest.mark.parametrize(("precision", "error"), [("fp32", 2e-4), ("fp16", 0.02), ("int8", 0.03)])
def test_a_graph_that_computes_something_else_is_not_left_behind(
    model: Path, tmp_path: Path, precision: str, error: float
) -> None:
    out = tmp_path / "graph.bin"
    with pytest.raises(UserError, match="does not compute"):
        export(model, out, writer(error), precision=precision)
    assert not files_below(tmp_path)


def test_an_older_file_stays_where_the_new_one_is_refused(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "graph.bin"
    out.write_text("older")
    with pytest.raises(UserError):
        export(model, out, writer(0.1))
    assert out.read_text() == "older"


def test_a_full_disk_is_reported_in_words(model: Path, tmp_path: Path) -> None:
    def write(graph: Graph, facts: dict[str, Any], path: Path) -> Runner:
        path.write_bytes(WRITTEN[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UserError, match=r"graph\.bin: No space left.*Free some space"):
        export(model, tmp_path / "graph.bin", write)
    assert not files_below(tmp_path)


def test_a_folder_that_cannot_be_written_is_reported_before_the_work(model: Path, tmp_path: Path) -> None:
    def write(graph: Graph, facts: dict[str, Any], path: Path) -> Runner:
        raise AssertionError("too late")

    with pytest.raises(UserError, match="Cannot write"):
        export(model, model / "graph.bin", write)


@pytest.mark.parametrize("mode", ["loud", "running"])
def test_a_mode_that_the_model_lacks_is_refused(tmp_path: Path, mode: str) -> None:
    model = write_model(tmp_path / "model.safetensors", "model.norm=instance")
    with pytest.raises(UserError, match=mode):
        export(model, tmp_path / "graph.bin", writer(), mode=mode)
    assert files_below(tmp_path) == {"model.safetensors"}


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        export(tmp_path / "none.safetensors", tmp_path / "graph.bin", writer())
    assert not files_below(tmp_path)


def test_progress_is_reported(model: Path, tmp_path: Path) -> None:
    console = Console(record=True, file=(tmp_path / "log").open("w"), width=100)
    export(model, tmp_path / "graph.bin", writer(), progress=Progress(console))
    console.file.close()
    assert console.export_text().splitlines() == [
        "exporting: 0 of 2 steps  writing the graph",
        "exporting: 2 of 2 steps",
    ]
