"""What a module may load; which module may import which is checked by `lint-imports`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "pix2pix"
HEAVY = {"torch", "torchmetrics", "safetensors"}

COMMAND = """
import sys
from pix2pix.cli.main import app
try:
    app({arguments!r}, standalone_mode=False)
finally:
    print(*sorted(sys.modules), sep="\\n", file=sys.stderr)
"""


def loaded_by(script: str) -> set[str]:
    """Top-level packages in a fresh interpreter that has run the script."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{script}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def loaded_by_command(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND.format(arguments=arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_the_root_of_the_package_stays_small() -> None:
    modules = sorted(path.stem for path in ROOT.glob("*.py"))
    assert len(modules) <= 12, modules  # what comes next goes into a folder


def test_the_map_names_every_module() -> None:
    text = (ROOT.parents[1] / "ARCHITECTURE.md").read_text("utf-8")
    text = text[text.index("## Where things are") : text.index("## Where to add")]
    named = {word.removesuffix(".py").rpartition("/")[2] for word in re.findall(r"`([\w./]+)`", text)}
    modules = {path.stem for path in ROOT.rglob("*.py") if "cli" not in path.parts}
    assert modules - {"__init__", "__main__"} <= named


def test_a_request_is_read_and_checked_without_torch() -> None:
    loaded = loaded_by("import pix2pix.cli, pix2pix.config; pix2pix.config.Config.load('facades')")
    assert "pydantic" in loaded
    assert not loaded & (HEAVY | {"numpy", "PIL"})


def test_finding_pairs_and_pictures_loads_neither_torch_nor_numpy() -> None:
    assert not loaded_by("import pix2pix.files, pix2pix.pairs.find") & (HEAVY | {"numpy", "PIL"})


def test_the_front_door_is_lazy() -> None:
    assert not loaded_by("import pix2pix; pix2pix.__version__") & (HEAVY | {"numpy", "pydantic"})
    loaded = loaded_by("import pix2pix; print(pix2pix.Config().training.images)")
    assert "pydantic" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_neither_torch_nor_pydantic(arguments: list[str]) -> None:
    loaded = loaded_by_command(*arguments)
    assert "typer" in loaded
    assert not loaded & (HEAVY | {"numpy", "PIL", "pydantic"})


@pytest.mark.parametrize("arguments", [["train", "--help"], ["config", "--recipe", "paper"]])
def test_what_needs_no_network_loads_no_torch(arguments: list[str]) -> None:
    assert not loaded_by_command(*arguments) & (HEAVY | {"numpy", "PIL"})


def test_a_run_begins_without_torchmetrics() -> None:
    # Which imports what it finds of other large packages: seconds before the first step.
    loaded = loaded_by(
        "import pix2pix.training.train, pix2pix.training.captured, pix2pix.inference.translator"
    )
    assert "torch" in loaded
    assert not loaded & {"torchmetrics", "tensorboard", "wandb", "IPython", "plotly"}


def test_an_unknown_name_of_the_front_door_is_an_attribute_error() -> None:
    import pix2pix

    with pytest.raises(AttributeError, match="Translater"):
        pix2pix.Translater  # noqa: B018
