"""The group `pix2pix data`: help of its commands."""

import subprocess
import sys

import pytest
from typer.main import get_command

from pix2pix.cli.data import data_app
from tests.cli.command import good


@pytest.mark.parametrize("name", sorted(get_command(data_app).commands))
def test_every_command_explains_itself_by_an_example(name: str) -> None:
    assert f"pix2pix data {name} " in good("data", name, "--help")


def test_no_command_is_slow_to_explain_itself() -> None:
    code = "import sys, pix2pix.cli.data; print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
