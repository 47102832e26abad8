import os
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from pix2pix import doctor
from pix2pix.doctor import Fact, facts, self_test
from pix2pix.errors import UserError
from pix2pix.files import CACHE
from tests.cli.command import pix2pix
from tests.helpers import files_below

REQUIREMENTS = [
    "torch>=2.11",
    "no-such-package>=1",
    'openvino-like>=1; extra == "quick"',
    "numpy; extra == 'tables'",
    'pix2pix[quick]; extra == "dev"',
]


@pytest.fixture(autouse=True)
def _known_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda name: REQUIREMENTS)


def report() -> dict[str, Fact]:
    return {fact.label: fact for fact in facts()}


def test_packages_and_extras_are_named_with_versions_and_what_is_missing() -> None:
    shown = report()
    import numpy
    import torch

    assert shown["libraries"].value == f"torch {torch.__version__.partition('+')[0]}, no-such-package MISSING"
    assert shown["extra quick"].value.startswith("not installed (pip install 'pix2pix[quick]')")
    assert shown["extra tables"].value == f"numpy {numpy.__version__}"
    assert "extra dev" not in shown
    assert torch.__version__ in shown["torch"].value
    assert shown["devices"].value.startswith("cpu: ")
    assert all(fact.good for fact in shown.values())


def test_a_checkout_that_was_never_installed_has_a_report_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", unknown)
    assert report()["pix2pix"].good


def test_nothing_private_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "ada"
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setenv("PIX2PIX_CACHE", str(home / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    text = "\n".join(fact.value for fact in report().values())
    assert str(Path("~/cache")) in text
    assert "ada" not in text
    assert "secret" not in text


def test_what_fails_is_named_and_the_rest_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise OSError("libcudart.so.13: cannot open\nmore")

    def refused() -> str:
        raise UserError("PIX2PIX_CACHE_GB is 'x': wanted a number of gigabytes.")

    monkeypatch.setattr(doctor, "_torch", broken)
    monkeypatch.setattr(doctor, "_cache", refused)
    shown = report()
    assert shown["torch"].value.startswith("FAILED: OSError: libcudart.so.13: cannot open (")
    assert "test_doctor.py:" in shown["torch"].value
    assert shown["cache"].value.startswith("FAILED: PIX2PIX_CACHE_GB is 'x'")
    assert [label for label, fact in shown.items() if not fact.good] == ["torch", "cache"]


@pytest.mark.slow
def test_the_package_is_tried_and_nothing_is_left(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    results = list(self_test("cpu"))
    assert [(fact.label, fact.good) for fact in results] == [
        ("train", True),
        ("translate", True),
        ("export", True),
    ]
    assert results[0].value.startswith("16 images seen, val_l1 ")
    assert files_below(cache) == files_below(tmp_path) == set()
    assert os.environ[CACHE] == str(cache)


def test_what_follows_a_failure_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path, device: str) -> str:
        raise UserError("The disk is full.")

    monkeypatch.setattr(doctor, "_train", broken)
    (fact,) = self_test("cpu")
    assert not fact.good
    assert fact.value.startswith("FAILED: The disk is full.")


def test_a_device_that_is_missing_is_refused_after_the_facts() -> None:
    result = pix2pix("doctor", "--device", "quantum")
    assert result.exit_code == 2
    assert result.stderr.startswith("pix2pix: There is no device 'quantum' here. Use --device cpu")
    assert "devices" in result.stdout
    assert "does not work here" not in result.stdout


@pytest.mark.parametrize("good", [True, False])
def test_the_command_says_in_the_end_whether_all_is_well(monkeypatch: pytest.MonkeyPatch, good: bool) -> None:
    def results(device: str) -> Iterator[Fact]:
        yield Fact("train", "as ever", good)

    monkeypatch.setattr(doctor, "self_test", results)
    result = pix2pix("doctor", "--device", "cpu")
    assert result.exit_code == (0 if good else 1)
    last = result.stdout.splitlines()[-1]
    assert last == ("training, translating and exporting work here" if good else "does not work here: train")
