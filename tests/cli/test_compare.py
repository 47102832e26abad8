"""`pix2pix compare`: what it prints, and requests that cannot be met."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.measures import features
from pix2pix.pictures import codec
from tests.cli.command import pix2pix


@pytest.fixture(autouse=True)
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    features.load_vgg16.cache_clear()
    for module in (features, features.inception):
        monkeypatch.setattr(module, "find_spec", lambda name: None)


def run(*arguments: object) -> tuple[int, str]:
    result = pix2pix(*arguments)
    return result.exit_code, result.output


def write_pictures(folder: Path, noise: int) -> Path:
    random = np.random.default_rng(0)
    for number in range(4):
        picture = np.full((16, 16, 3), 40 * number) + random.integers(0, noise + 1, (16, 16, 3))
        codec.write(picture.astype(np.uint8), folder / f"{number}.png")
    return folder


def test_differences_are_printed_and_the_page_is_named(tmp_path: Path) -> None:
    real, reports = write_pictures(tmp_path / "real", 0), []
    for name, noise in (("a", 20), ("b", 60)):
        fake, out = write_pictures(tmp_path / name, noise), tmp_path / "reports" / name
        assert run("evaluate", "--real", real, "--fake", fake, "-o", out)[0] == 0
        reports.append(out)
    code, output = run("compare", *reports, "-o", tmp_path / "out")
    assert code == 0
    assert "b against a, 4 pictures:" in output
    assert "worse" in output
    assert (tmp_path / "out" / "index.html").is_file()


def test_a_single_run_is_refused(tmp_path: Path) -> None:
    code, output = run("compare", tmp_path, "-o", tmp_path / "out")
    assert code == 2
    assert "1 run was named: wanted two or more" in output
