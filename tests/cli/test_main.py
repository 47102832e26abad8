"""The command line as a whole: help, completion, exit codes, how it ends."""

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from pix2pix import __version__
from pix2pix.cli.main import app
from pix2pix.config import Config, recipe_names
from tests.cli.command import good, pix2pix
from tests.helpers import write

COMMANDS = sorted(get_command(app).commands)
GROUPS = {"data", "study"}  # their commands are tested in test_data.py and test_study.py


def test_the_version_is_printed() -> None:
    assert good("--version") == f"pix2pix {__version__}\n"


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", {"COMP_WORDS": "pix2pix tr", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "pix2pix tr"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "pix2pix tr", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_shells_complete_commands(shell: str, words: dict[str, str]) -> None:
    variables = {**words, "_PIX2PIX_COMPLETE": f"complete_{shell}"}
    completed = CliRunner().invoke(app, [], env=variables, prog_name="pix2pix").stdout
    assert "train" in completed
    assert "translate" in completed
    assert "export" not in completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_this_program(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = CliRunner().invoke(app, ["--show-completion", shell], prog_name="pix2pix")
    assert shown.exit_code == 0
    assert f"_PIX2PIX_COMPLETE=complete_{shell}" in shown.stdout


def test_help_lists_every_command() -> None:
    text = good("--help")
    assert {"train", "translate", "info", "config", "demo", "data"} <= set(COMMANDS)
    for command in COMMANDS:
        assert f"\n  {command} " in text


@pytest.mark.parametrize("command", sorted({*COMMANDS} - GROUPS))
def test_help_of_a_command_shows_an_example(command: str) -> None:
    lines = [line.strip() for line in good(command, "--help").splitlines()]
    assert [line for line in lines if line.startswith(f"pix2pix {command}")]


@pytest.mark.parametrize("command", ["train", "translate"])
def test_a_missing_argument_is_a_refusal(command: str) -> None:
    assert pix2pix(command).exit_code == 2


def test_config_prints_toml_that_is_read_back() -> None:
    Path("mine.toml").write_text(good("config", "--recipe", "facades", "--set", "training.batch=4"), "utf-8")
    config = Config.load("facades", ["training.batch=4"])
    assert Config.load("mine.toml") == config
    assert config != Config.load("facades")


def test_ctrl_c_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*rest: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pix2pix.demo.run_demo", stopped)
    assert pix2pix("demo").exit_code == 130


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_printed(name: str) -> None:
    assert good("config", "--recipe", name)


def test_a_reader_that_goes_away_is_no_defect(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("pix2pix.inference.describe.describe_model", gone)
    assert pix2pix("info", model).exit_code == 1


def test_commands_leave_the_collector_of_python_on(model: Path, place: Path) -> None:
    write(place / "a.png")
    good("translate", model, "a.png", "-o", "out")
    assert gc.isenabled()


def test_a_stopped_command_does_not_wait_for_threads() -> None:
    """Threads of libraries may still compute, and abort when Python ends before they do."""
    program = """
import threading, time
from pix2pix.cli import main

def app():
    threading.Thread(target=time.sleep, args=[600]).start()
    print("stopped")
    raise SystemExit(130)

main.app = app
main.run()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "stopped\n", "")
