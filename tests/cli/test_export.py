"""`pix2pix export`: what reaches the exporters, and what is printed of the files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pix2pix.export.compare import Difference, Exported
from pix2pix.export.web import Site
from pix2pix.page.shipped import HOUSES
from tests.cli.command import pix2pix
from tests.helpers import files_below, write_model


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_model(tmp_path / "model.safetensors")


@pytest.fixture
def exporters(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command passes to the exporters, which take seconds and are tested in export/."""
    calls: list[dict[str, Any]] = []

    def stand_in(kind: str) -> Callable[..., Exported]:
        def export(model: Path, out: Path, **given: Any) -> Exported:
            calls.append({"kind": kind, "model": model, "out": out} | given)
            difference = Difference(largest=0.00123, mean=4.56e-5, psnr_db=71.8, comparisons=12)
            facts = {"precision": given.get("precision", "fp32"), "mode": "paper"}
            return Exported(out, 54_900_000, {"source": [1, 3, 32, 32]}, difference, facts)

        return export

    def site(models: list[Path], out: Path, **given: Any) -> Site:
        exported = {model.name: stand_in("web")(model, out, **given) for model in models}
        return Site(out, 65_800_000, 57_400_000, exported)

    monkeypatch.setattr("pix2pix.export.web.export_web", site)
    monkeypatch.setattr("pix2pix.export.onnx.export_onnx", stand_in("onnx"))
    monkeypatch.setattr("pix2pix.export.torch_export.export_torch", stand_in("torch"))
    return calls


def test_what_was_written_is_printed(model: Path, exporters: list[dict[str, Any]]) -> None:
    result = pix2pix("export", model, "--onnx", "a.onnx", "--precision", "int8")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "a.onnx: 54.9 MB, int8, mode paper",
        "  source   1 x 3 x 32 x 32",
        "  12 comparisons: largest difference 0.0012, mean 4.6e-05 (values from -1 to 1), PSNR 72 dB",
    ]


def test_without_a_model_the_packages_own_is_exported(
    tmp_path: Path, exporters: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert pix2pix("export", "--web", "site", "--onnx", "a.onnx").exit_code == 0
    assert [call["model"] for call in exporters] == [HOUSES, HOUSES]


def test_a_page_takes_several_models_and_says_how_to_look_at_it(
    model: Path, exporters: list[dict[str, Any]]
) -> None:
    result = pix2pix("export", model, "shoes", "--web", "site", "--runtime", "ort.tgz")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2:] == [
        "shoes: 54.9 MB, fp16, mode paper",
        "  12 comparisons: largest difference 0.0012, mean 4.6e-05 (values from -1 to 1), PSNR 72 dB",
        "site: 66 MB, of which a first visit downloads 57 MB",
        "to look at it:  python3 -m http.server -d site",
        "links to it show no picture: that needs the page's address, --url https://...",
    ]
    assert [call["model"] for call in exporters] == [model, Path("shoes")]
    assert {call["runtime"] for call in exporters} == {Path("ort.tgz")}


def test_options_reach_both_exporters(model: Path, exporters: list[dict[str, Any]]) -> None:
    words = ("--onnx", "a.onnx", "--torch", "a.pt2", "--mode", "running", "--dynamic")
    assert pix2pix("export", model, *words, "--precision", "fp16").exit_code == 0
    onnx, torch = exporters
    assert (onnx["kind"], onnx["out"], onnx["precision"]) == ("onnx", Path("a.onnx"), "fp16")
    assert (torch["kind"], torch["out"]) == ("torch", Path("a.pt2"))
    for call in exporters:
        assert (call["model"], call["mode"], call["dynamic"]) == (model, "running", True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to write: wanted --onnx FILE, --torch FILE or --web DIR"),
        (["--onnx", "a.bin"], "a.bin does not end in .onnx"),
        (["--torch", "a.pth"], "a.pth does not end in .pt2"),
        (["--onnx", "a.onnx", "--precision", "int4"], "wanted fp32, fp16, int8"),
        (["--torch", "a.pt2", "--precision", "int8"], "--precision int8 is for --onnx"),
        (["--torch", "a.pt2", "--mode", "loud"], "no mode 'loud'"),
        (["--onnx", "a.onnx", "--runtime", "."], "--runtime is for --web"),
        (["model.safetensors", "--onnx", "a.onnx"], "One file holds one model, and 2 were given"),
        (["--web", "model.safetensors"], "is a file: wanted a folder"),
        (["--onnx", "model.safetensors/a.onnx"], "Cannot write model.safetensors/a.onnx"),
    ],
)
def test_requests_that_cannot_be_met_are_refused_in_one_sentence(
    model: Path, words: list[str], said: str
) -> None:
    before = files_below(model.parent)
    result = pix2pix("export", model, *words)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert said in result.stderr.splitlines()[-1]
    assert files_below(model.parent) == before
