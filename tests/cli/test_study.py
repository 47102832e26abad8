"""The commands `pix2pix study ...`."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from pix2pix.evaluation.study.answers import Answers
from pix2pix.evaluation.study.protocol import read_study
from tests.cli.command import pix2pix
from tests.evaluation.study.studies import small_study, take_part, write_folder


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "l1", "cgan"):
        write_folder(tmp_path / name, [str(number) for number in range(50)])
    return tmp_path


def test_make_writes_the_papers_protocol(folders: Path) -> None:
    words = ["study", "make", "--real", "photos", "--fake", "L1=l1", "--fake", "L1+cGAN=cgan", "-o", "study"]
    result = pix2pix(*words, "--size", "32", "--trial", "pair", "--paired")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "study: 50 real pictures, fakes of L1, L1+cGAN",
        "next: pix2pix study serve study",
    ]
    study = read_study(folders / "study")
    assert (study.show_ms, study.practice, study.trials) == (1000, 10, 40)
    assert (study.question, study.paired, study.size_px) == ("pair", True, 32)
    again = pix2pix(*words)
    assert again.exit_code == 2
    assert "holds a study already" in again.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--fake", "l1"], "has no name: wanted NAME=DIR"),
        (["--fake", "=l1"], "has no name: wanted NAME=DIR"),
        (["--fake", "a=l1", "--fake", "a=cgan"], "the same name"),
        (["--fake", "a=none"], "none is no folder"),
        (["--fake", "a=l1", "--trial", "both"], "--trial both is unknown: wanted picture, pair"),
    ],
)
def test_what_makes_no_study_is_refused_in_one_sentence(
    folders: Path, options: list[str], sentence: str
) -> None:
    result = pix2pix("study", "make", "--real", "photos", *options, "-o", "study")
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not (folders / "study").exists()


def test_serve_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr("pix2pix.evaluation.study.app.serve", lambda *a, **k: calls.append((a, k)))
    assert pix2pix("study", "serve", "study", "--port", "0", "--origin", "https://a.org").exit_code == 0
    assert calls == [((Path("study"), "127.0.0.1", 0, ["https://a.org"]), {"open_page": False})]


def test_report_prints_a_line_for_each_algorithm(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path, "L1", "L1+cGAN")
    answers, random = Answers(folder, study), Random(0)
    for fooled in (0.0, 0.0, 1.0, 0.0):
        take_part(answers, study, fooled, random)
    take_part(answers, study, 0.0, random, stop_at=1)
    result = pix2pix("study", "report", folder)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("L1       50.0 % labelled real (95 %: ")
    assert lines[0].endswith(" %), 2 participants, 1 unfinished left out")
    assert lines[1] == "L1+cGAN  0.0 % labelled real, 2 participants, 0 unfinished left out"
    assert lines[2].startswith("shown 1000")
    assert lines[3] == f"page: {folder / 'report.html'}"


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    for command in ("serve", "report"):
        result = pix2pix("study", command, tmp_path)
        assert result.exit_code == 2
        assert "holds no study" in result.stderr


@pytest.mark.parametrize("command", ["make", "serve", "report"])
def test_help_of_a_command_shows_an_example(command: str) -> None:
    lines = [line.strip() for line in pix2pix("study", command, "--help").stdout.splitlines()]
    assert [line for line in lines if line.startswith(f"pix2pix study {command}")]
