"""What is handed on: the wheel in an environment of its own dependencies alone, the image, the citation."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from pix2pix import __version__
from tests.helpers import SMALL, files_below

ROOT = Path(__file__).parents[1]
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "src")  # to build from
CLEAN = ROOT / "tests" / "clean.py"

# The demo with few pictures and small networks: at its full length it takes minutes.
DEMO = """
from types import SimpleNamespace
from pix2pix import demo
from pix2pix.config import Config
config = Config.load(None, SETTINGS)
demo.Config = SimpleNamespace(load=lambda name: config)
demo.COUNTS = {"train": 4, "val": 2, "test": 2}
"""


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    pytest.importorskip("build")
    place = tmp_path_factory.mktemp("distributions")
    for name in NEEDED:
        if (ROOT / name).is_dir():
            unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, place / "source" / name, ignore=unwanted)
        else:
            (place / "source").mkdir(exist_ok=True)
            shutil.copy(ROOT / name, place / "source" / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", place / "dist", place / "source"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return place / "dist"


@pytest.fixture(scope="module")
def installed(distributions: Path) -> Path:
    """The folder into which the wheel alone was installed."""
    folder = distributions.with_name("installed")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        folder,
    ]
    subprocess.run([*command, *distributions.glob("*.whl")], check=True, capture_output=True)
    return folder


def run_clean(installed: Path, place: Path, *words: str, before: str = "") -> subprocess.CompletedProcess:
    """Run the installed program; see tests/clean.py."""
    command = [sys.executable, "-P", CLEAN, installed, before, *words]
    return subprocess.run(command, cwd=place, capture_output=True, text=True)


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(distributions: Path) -> None:
    assert {path.suffix for path in distributions.iterdir()} == {".gz", ".whl"}
    (wheel,) = distributions.glob("*.whl")
    assert wheel.name == f"pix2pix-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as opened:
        names = [name for name in opened.namelist() if not name.endswith("/")]
        about = f"pix2pix-{__version__}.dist-info"
        metadata = message_from_bytes(opened.read(f"{about}/METADATA"))
        entry_points = opened.read(f"{about}/entry_points.txt").decode()
    package = {name for name in names if not name.startswith(about)}
    source = {n for n in files_below(ROOT / "src") if "__pycache__" not in n and ".egg-info" not in n}
    assert package == source
    assert set(metadata.get_all("Provides-Extra")) == set(project()["optional-dependencies"])
    assert "pix2pix = pix2pix.cli.main:run" in entry_points
    assert metadata["License-Expression"] == "MIT"


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel_without_extras(installed: Path, tmp_path: Path) -> None:
    short = [*SMALL, "training.images=8", "training.validate_images=8"]
    ran = run_clean(
        installed, tmp_path, "demo", "--out", "demo", "--device", "cpu", before=f"SETTINGS = {short!r}{DEMO}"
    )
    assert ran.returncode == 0, ran.stderr
    assert "page: demo/index.html" in ran.stdout
    assert (tmp_path / "demo" / "training" / "model.safetensors").is_file()
    assert len(list((tmp_path / "demo" / "translated").iterdir())) == 2


@pytest.mark.slow
def test_the_doctor_finds_the_wheel_well_and_the_extras_missing(installed: Path, tmp_path: Path) -> None:
    ran = run_clean(installed, tmp_path, "doctor", "--device", "cpu")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in ran.stdout.splitlines() if "  " in line)
    assert "MISSING" not in facts["libraries"]
    assert facts["export"].startswith("torch.export, ")
    for extra in set(project()["optional-dependencies"]) - {"dev"}:
        assert facts[f"extra {extra}"].startswith("not installed (pip install"), extra


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (["serve", "model.safetensors"], "serve"),
        (["export", "model.safetensors", "--onnx", "model.onnx"], "export"),
        (["train", "nowhere", "--log", "wandb"], "wandb"),
    ],
)
def test_what_needs_an_extra_names_it(installed: Path, tmp_path: Path, words: list[str], extra: str) -> None:
    ran = run_clean(installed, tmp_path, *words)
    assert ran.returncode == 2
    assert f"pip install 'pix2pix[{extra}]'" in ran.stderr
    assert "Traceback" not in ran.stderr


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their arguments, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in instructions() if name == instruction]


def test_the_image_is_made_of_known_instructions_in_order() -> None:
    known = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "RUN", "USER", "VOLUME", "WORKDIR"}
    names = [name for name, _ in instructions()]
    assert set(names) <= known
    assert names[:2] == ["ARG", "FROM"]
    last = names[len(names) - names[::-1].index("FROM") :]
    assert last.index("RUN") < last.index("USER") < last.index("ENTRYPOINT")
    assert "root" not in arguments("USER")
    for form in (*arguments("ENTRYPOINT"), *arguments("CMD")):
        assert all(isinstance(word, str) for word in json.loads(form))


def test_the_image_has_a_version_of_python_that_the_package_supports() -> None:
    versions = {c.rpartition(" ")[2] for c in project()["classifiers"] if "Python :: 3." in c}
    (default,) = (rest.partition("=")[2] for rest in arguments("ARG") if rest.startswith("PYTHON="))
    assert default in versions
    assert all("${PYTHON}" in rest for rest in arguments("FROM"))


def test_shells_understand_what_the_image_runs_and_nothing_is_kept_of_downloads() -> None:
    for command in arguments("RUN"):
        assert subprocess.run(["sh", "-n", "-c", command]).returncode == 0, command
        assert "pip install" not in command or "--no-cache-dir" in command
        assert "apt-get install" not in command or "rm -rf /var/lib/apt/lists/*" in command


def test_what_the_image_copies_is_there_and_all_that_a_build_needs() -> None:
    copied = {
        name for rest in arguments("COPY") if not rest.startswith("--from") for name in shlex.split(rest)[:-1]
    }
    assert copied == set(NEEDED)
    assert all((ROOT / name).exists() for name in copied)
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    assert set(allowed) == copied


def test_the_extras_of_the_image_exist_and_one_argument_chooses_torch() -> None:
    (extras,) = re.findall(r"/source\[([^]]+)\]", " ".join(arguments("RUN")))
    assert set(extras.split(",")) <= set(project()["optional-dependencies"])
    assert 'TORCH_INDEX=""' in arguments("ARG")
    (torch,) = re.findall(r"'(torch>=[\d.]+)'", " ".join(arguments("RUN")))
    assert torch in project()["dependencies"]


def test_the_citation_is_of_this_version_and_of_the_paper() -> None:
    if importlib.util.find_spec("yaml") is None:
        pytest.skip("no yaml")
    import yaml

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation.keys() >= {"cff-version", "message", "title", "authors"}  # what the format requires
    assert str(citation["version"]) == __version__
    assert citation["license"] == project()["license"]
    paper = citation["preferred-citation"]
    assert paper["year"] == 2017
    assert [author["family-names"] for author in paper["authors"]] == ["Isola", "Zhu", "Zhou", "Efros"]
