import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from pix2pix import demo
from pix2pix.config import Config
from pix2pix.datasets.sample import make_pair
from pix2pix.demo import run_demo
from pix2pix.errors import UserError
from pix2pix.inference.translator import Translator
from pix2pix.serve.hosting import host
from pix2pix.training.train import Result
from tests.helpers import SMALL, files_below, pixels, write_text


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six pairs of 32 px instead of hundreds of 128, and the smallest networks."""
    config = Config.load(None, [*SMALL, "training.images=8", "training.validate_images=8"])
    monkeypatch.setattr(demo, "Config", SimpleNamespace(load=lambda name: config))
    monkeypatch.setattr(demo, "COUNTS", {"train": 4, "val": 2, "test": 2})


def run(out: Path) -> Path:
    return run_demo(out, "cpu", Console(quiet=True))


def names(folder: Path) -> set[str]:
    return {name.split("/")[-1] for name in files_below(folder)}


def test_the_demo_goes_from_nothing_to_a_page(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    page = run(out)
    assert page == out / "index.html"
    test = names(out / "data" / "test")
    assert len(test) == 2
    assert names(out / "translated") == names(out / "sources") == names(out / "targets") == test
    html = page.read_text("utf-8")
    for name in test:
        for folder in ("sources", "translated", "targets"):
            assert f"{folder}/{name}" in html
            assert pixels(out / folder / name).shape == (32, 32, 3)
    assert "training/index.html" in html
    assert (out / "training" / "index.html").is_file()
    assert "val_l1" in html


def test_the_demo_ends_with_how_to_draw_with_the_model(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=1000)
    run_demo(tmp_path / "demo", "cpu", console)
    line = re.search(r"draw with it: \S+ serve (\S+) --open\s*$", console.file.getvalue())
    assert line
    (hosted,) = host([Path(line[1])], None).values()
    assert (hosted.card.name, len(hosted.examples)) == ("demo", 2)


def test_what_the_page_shows_is_what_the_model_makes(tmp_path: Path) -> None:
    run(tmp_path)
    translator = Translator.load(tmp_path / "training" / "model.safetensors", "cpu")
    for name in names(tmp_path / "sources"):
        pair = pixels(tmp_path / "data" / "test" / name)
        assert np.array_equal(pixels(tmp_path / "sources" / name), pair[:, :32])
        assert np.array_equal(pixels(tmp_path / "targets" / name), pair[:, 32:])
        wanted = np.asarray(translator.translate(pair[:, :32])).astype(int)
        assert abs(pixels(tmp_path / "translated" / name) - wanted).max() <= 1


def test_a_second_demo_trains_no_more_and_gives_the_same(tmp_path: Path) -> None:
    run(tmp_path)
    kept = ["training/metrics.jsonl", "training/model.safetensors"]
    before = [(tmp_path / name).read_bytes() for name in kept]
    page = run(tmp_path).read_text("utf-8")
    assert [(tmp_path / name).read_bytes() for name in kept] == before
    assert "val_l1" in page


def test_a_demo_stopped_while_drawing_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(seed: int, index: int, size_px: int) -> Any:
        if index:
            raise KeyboardInterrupt
        return make_pair(seed, index, size_px)

    with monkeypatch.context() as patched:
        patched.setattr("pix2pix.datasets.sample.make_pair", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    assert not (tmp_path / "data").exists()
    run(tmp_path)
    assert len(names(tmp_path / "data" / "train")) == 4


def test_a_demo_stopped_while_learning_says_so_and_shows_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*rest: Any, **named: Any) -> Result:
        return Result(tmp_path / "model", False, 3, {}, [])

    with monkeypatch.context() as patched:
        patched.setattr(demo, "train", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    assert not (tmp_path / "index.html").exists()
    assert run(tmp_path).is_file()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    write_text(tmp_path / "file")
    with pytest.raises(UserError, match=r"Cannot write .*file"):
        run(tmp_path / "file" / "demo")
    assert files_below(tmp_path) == {"file"}
