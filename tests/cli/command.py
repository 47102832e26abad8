"""The command line, run in the process of the tests."""

from __future__ import annotations

from click.testing import Result
from typer.testing import CliRunner

from pix2pix.cli.main import app
from tests.helpers import SMALL

TINY = [word for setting in (*SMALL, "training.images=8") for word in ("--set", setting)]


def pix2pix(*words: object) -> Result:
    """Run a command; an exception that is no answer to the user is a defect, and is raised."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def good(*words: object) -> str:
    """Run a command that ends well; return what it printed."""
    result = pix2pix(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: object) -> str:
    """Run a command that is refused; return its one sentence."""
    result = pix2pix(*words)
    assert result.exit_code == 2, result.output
    *before, last = result.stderr.splitlines()
    assert last.startswith("pix2pix: ")
    assert not [line for line in before if line.startswith("pix2pix: ") or "Traceback" in line]
    return last.removeprefix("pix2pix: ")
