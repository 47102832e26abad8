import errno
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.export.checked import Exported, Writer, export_checked
from pix2pix.export.compare import Run
from pix2pix.networks.graph import Graph
from pix2pix.progress import Progress
from tests.helpers import files_below, write_model

WRITTEN = b"a graph"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.safetensors")


def export(model: Path, out: Path, write: Writer, **given: Any) -> Exported:
    chosen: dict[str, Any] = {"precision": "fp32", "mode": None, "dynamic": True, "progress": None}
    return export_checked(model, out, write, **(chosen | given))


def writer(error: float = 0.0) -> Writer:
    """What writes a few bytes for a graph and then runs the graph itself, off by an error."""

    def write(graph: Graph, facts: dict[str, Any], path: Path) -> Run:
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
    found = export(model, tmp_path / "new" / "graph.bin", writer())
    assert found.path.read_bytes() == WRITTEN
    assert found.size_bytes == len(WRITTEN)
    assert found.inputs["source"] == ["batch", 3, "32*rows", "32*columns"]
    assert found.difference.largest == 0
    assert (found.facts["mode"], found.facts["dynamic"]) == ("paper", True)
    assert not caplog.records
    assert files_below(tmp_path) == {"model.safetensors", "new/graph.bin"}


@pytest.mark.parametrize(("precision", "error"), [("fp32", 2e-4), ("fp16", 0.02), ("int8", 0.03)])
def test_a_graph_that_computes_something_else_is_not_left_behind(
    model: Path, tmp_path: Path, precision: str, error: float
) -> None:
    out = tmp_path / "graph.bin"
    with pytest.raises(UserError, match="does not compute"):
        export(model, out, writer(error), precision=precision)
    assert files_below(tmp_path) == {"model.safetensors"}


def test_an_older_file_stays_where_the_new_one_is_refused(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "graph.bin"
    out.write_text("older")
    with pytest.raises(UserError):
        export(model, out, writer(0.1))
    assert out.read_text() == "older"


def test_a_full_disk_is_said_in_words(model: Path, tmp_path: Path) -> None:
    def write(graph: Graph, facts: dict[str, Any], path: Path) -> Run:
        path.write_bytes(WRITTEN[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UserError, match=r"graph\.bin: No space left.*Free some space"):
        export(model, tmp_path / "graph.bin", write)
    assert files_below(tmp_path) == {"model.safetensors"}


def test_a_folder_that_cannot_be_written_is_said_before_the_work(model: Path, tmp_path: Path) -> None:
    def write(graph: Graph, facts: dict[str, Any], path: Path) -> Run:
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


def test_what_goes_on_is_told(model: Path, tmp_path: Path) -> None:
    console = Console(record=True, file=(tmp_path / "log").open("w"), width=100)
    export(model, tmp_path / "graph.bin", writer(), progress=Progress(console))
    console.file.close()
    assert console.export_text().splitlines() == [
        "exporting: 0 of 2 steps  writing the graph",
        "exporting: 2 of 2 steps",
    ]
