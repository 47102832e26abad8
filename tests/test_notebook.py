import json
import re
import shutil
import sys
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2pix import notebook
from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.notebook import Pairs, Run, Table
from pix2pix.training.train import train
from tests.conftest import TINY, write_split_pairs
from tests.helpers import pixels, write_model

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_split_pairs(tmp_path_factory.mktemp("shared") / "pairs")


@pytest.fixture(scope="module")
def run(pairs: Path) -> Iterator[Run]:
    folder = pairs.with_name("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIX2PIX_CACHE", str(pairs.with_name("cache")))
        train([pairs], Config.load(None, TINY), folder, device="cpu")
        yield Run(folder)


def picture_in(html: str) -> np.ndarray:
    (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    with Image.open(BytesIO(b64decode(data))) as picture:
        return np.array(picture)


def test_a_run_shows_its_state_scores_and_latest_preview(run: Run) -> None:
    html = run._repr_html_()
    scores = next(row for row in reversed(run.metrics) if "val_l1" in row)
    assert "40 of 40 images seen" in html
    assert f"val_l1 {scores['val_l1']:g}" in html
    preview = pixels(run.folder / "previews" / "000000040.png")
    assert abs(picture_in(html).astype(int) - preview).mean() < 4  # JPEG
    assert "40 of 40 images seen" in repr(run)


def test_metrics_have_a_row_for_each_number_of_images(run: Run) -> None:
    table = run.metrics
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert table.column("images") == sorted({line["images"] for line in lines})
    by_images = {row["images"]: row for row in table}
    for line in lines:
        assert line.items() <= by_images[line["images"]].items()
    assert table[-1]["images"] == 40
    assert [row["images"] for row in table[:2]] == table.column("images")[:2]


def test_a_table_shows_its_first_and_last_rows_and_leaves_gaps() -> None:
    table = Table([{"images": float(n), **({"val_l1": 0.5} if n == 29 else {})} for n in range(30)])
    html = table._repr_html_()
    assert re.findall(r"<tr><td>(.*?)</td>", html) == [*"01234", "…", "25", "26", "27", "28", "29"]
    assert table.column("val_l1")[-2:] == [None, 0.5]
    with pytest.raises(UserError, match=r"no column 'val_l2': wanted one of images, val_l1"):
        table.column("val_l2")


def test_pandas_is_used_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table([{"images": 1.0}, {"images": 2.0, "val_l1": 0.5}])
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pandas", None)
        with pytest.raises(UserError, match="needs the package pandas"):
            table.to_pandas()
    pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert list(frame.columns) == ["images", "val_l1"]
    assert frame["val_l1"].isna().tolist() == [True, False]


def test_previews_are_in_order(run: Run) -> None:
    assert [preview.images_seen for preview in run.previews] == [25, 40]
    preview = run.previews[0]
    assert picture_in(preview._repr_html_()).shape == pixels(preview.path).shape


def test_the_pairs_of_a_run_are_shown_as_it_sees_them(run: Run, pairs: Path) -> None:
    shown = run.pairs
    assert repr(shown) == "Pairs: 40 train, 4 val (side by side)"
    assert len(shown) == sum(1 for _ in shown) == 40
    source, target = next(iter(shown))
    whole = pixels(pairs / "train" / "000.png").astype(int)
    assert abs(source - whole[:, :32]).max() <= 1
    assert abs(target - whole[:, 32:]).max() <= 1
    html = shown._repr_html_()
    assert "40 train, 4 val" in html
    assert "from above: 000, 010, 020, 030" in html
    assert picture_in(html).std() > 10


def test_pairs_are_found_as_in_training(pairs: Path, tmp_path: Path) -> None:
    config = Config.load(None, [*TINY, "data.make=gray"])
    source, target = next(iter(Pairs(pairs, config=config)))
    assert np.ptp(source.astype(int), axis=2).max() == 0
    assert np.ptp(target.astype(int), axis=2).max() > 0
    with pytest.raises(UserError):
        Pairs(tmp_path / "nowhere")


def test_the_translator_is_that_of_the_run(run: Run, pairs: Path) -> None:
    assert run.translator is run.translator
    assert run.translator.translate(pairs / "val" / "000.png").size == (64, 32)


def test_the_translator_follows_the_saves(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns("checkpoints"))
    (copy / "model.safetensors").unlink()
    going_on = Run(copy)
    with pytest.raises(UserError):
        _ = going_on.translator
    for seed in (1, 2):
        write_model(copy / "model.safetensors", f"training.seed={seed}")
        assert going_on.translator.header.config.training.seed == seed


def test_a_run_that_does_not_say_its_pairs_is_one_sentence(run: Run, tmp_path: Path) -> None:
    shutil.copy(run.folder / "config.toml", tmp_path)
    for text in (None, "{", "[]"):
        if text is not None:
            (tmp_path / "environment.json").write_text(text)
        with pytest.raises(UserError, match=r"does not say what the run is trained on"):
            _ = Run(tmp_path).pairs


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is no run: it has no config\.toml"):
        Run(tmp_path)


def test_outside_a_notebook_show_prints_where_the_page_is(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run.show()
    first, second = capsys.readouterr().out.splitlines()
    assert first == repr(run)
    assert Path(second.removeprefix("page: ")).is_file()


def test_in_a_notebook_show_draws_every_chart(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from plotly.graph_objects import Figure

    shown: list[Any] = []
    monkeypatch.setattr(notebook, "is_notebook", lambda: True)
    monkeypatch.setattr(notebook.Output, "show", lambda self, html, text: shown.append(html))
    monkeypatch.setattr(Figure, "show", lambda figure: shown.append(figure))
    run.show()
    html, figure = shown
    assert html == run._repr_html_()
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert "L1 to the target" in titles
    l1 = next(trace for trace in figure.data if trace.name == "training")
    assert list(l1.x) == [row["images"] for row in run.metrics if "loss_l1" in row]


def code_cells() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_notebook_is_kept_without_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
    for code in code_cells():
        compile(code, NOTEBOOK.name, "exec")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    read = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    done = client.NotebookClient(read, timeout=300, resources=place).execute()
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    data = [output["data"] for output in outputs if "data" in output]
    html = "".join(entry.get("text/html", "") for entry in data)
    assert "images seen" in html
    assert any("application/vnd.plotly.v1+json" in entry for entry in data)
    training = next(cell for cell in done.cells if "train(" in cell.source)
    assert len(training.outputs) == 1  # however long it was
    assert "training: 120 of 120 images" in training.outputs[0]["data"]["text/plain"]
    assert (tmp_path / "runs" / "houses" / "model.safetensors").is_file()
