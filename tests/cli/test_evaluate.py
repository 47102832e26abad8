"""`pix2pix evaluate`: what it prints, and requests that cannot be met, in one sentence each."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.measures import features, lpips
from pix2pix.pictures import codec
from tests.cli.command import pix2pix
from tests.helpers import write_model


@pytest.fixture(autouse=True)
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    features.load_vgg16.cache_clear()
    for module in (features, features.inception, lpips):
        monkeypatch.setattr(module, "find_spec", lambda name: None)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 3)):
        for number in range(count):
            whole = random.integers(0, 256, (32, 64, 3), np.uint8)
            codec.write(whole, tmp_path / "pairs" / split / f"{number}.png")
    return tmp_path / "pairs"


def run(*arguments: object) -> tuple[int, str]:
    result = pix2pix("evaluate", *arguments)
    return result.exit_code, result.output


def test_scores_are_printed_and_the_page_is_named(tmp_path: Path, pairs: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    code, output = run(model, pairs, "-o", tmp_path / "out", "--device", "cpu")
    assert code == 0
    assert all(word in output for word in ("l1 ", "psnr_db", "ssim", "histogram_L", "page: "))
    assert "pip install 'pix2pix[metrics]'" in output
    assert (tmp_path / "out" / "index.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "There is nothing to score."),
        (["--real", "{pairs}/val"], "--fake is missing"),
        (["--fake", "{pairs}/val"], "--real is missing"),
        (["{model}"], "DATA is missing"),
        (["{model}", "{pairs}", "--real", "{pairs}", "--fake", "{pairs}"], "it is one or the other"),
        (["{model}", "{pairs}", "--split", "tset"], "--split tset is unknown"),
        (["{model}", "{pairs}", "--split", "test"], "no pairs of the split 'test'"),
        (["{model}", "{pairs}", "--features", "none.onnx"], "--features none.onnx does not exist: wanted a"),
        (["{model}", "{pairs}", "--features", "{pairs}"], "is a folder: wanted a network"),
        (
            ["{model}", "{pairs}", "--labels", "facade"],
            "There is no palette 'facade'; did you mean 'facades'?",
        ),
        (["{model}", "{pairs}", "--labels", "none.toml"], "There is no palette file none.toml"),
        (["{model}", "{pairs}", "--features", "none.pth"], "needs the package torch-fidelity"),
        (["{model}", "{pairs}", "--features", "inception"], "needs the package torch-fidelity"),
        (["{model}", "{pairs}", "--lpips"], "needs the package torchvision"),
        (["{model}", "{pairs}", "--scorer", "{model}"], "--labels facades"),
        (["{model}", "{pairs}", "--scorer", "{model}", "--labels", "facades"], "finds the classes none"),
        (["--real", "{pairs}/val", "--fake", "{pairs}/nothing"], "nothing does not exist: wanted a folder"),
        (["--real", "{pairs}/val", "--fake", "{model}"], "is a file: wanted a folder of pictures"),
        (["--real", "{pairs}/val", "--fake", "{pairs}/train"], "(3 pictures) and"),
        (["--real", "{pairs}/val", "--fake", "{pairs}/val", "--variety"], "--variety needs a model"),
        (["nothing", "{pairs}"], "nothing does not exist"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_sentence(
    tmp_path: Path, pairs: Path, arguments: list[str], sentence: str
) -> None:
    model = write_model(tmp_path / "model.safetensors")
    filled = [word.format(model=model, pairs=pairs) for word in arguments]
    code, output = run(*filled, "-o", tmp_path / "out", "--device", "cpu")
    assert code == 2
    assert sentence in output.replace("\n", " ")
    assert "Traceback" not in output
