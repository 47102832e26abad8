"""The command line, run in the process of the tests."""

from __future__ import annotations

from click.testing import Result
from typer.testing import CliRunner

from pix2pix.cli.main import app


def pix2pix(*words: object) -> Result:
    """Run a command; an exception that is no answer to the user is a defect, and is raised."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
