"""The generated pages and the README say what the code does."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _pages():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_generated_pages_are_up_to_date():
    for name, text in _pages().items():
        assert (ROOT / "docs" / name).read_text("utf-8") == text, f"{name}: run `make docs`"


def test_links_in_the_documents_lead_to_files():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_readmes_have_the_same_code_and_links():
    english, chinese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md"))
    for pattern in (r"^pix2pix [a-z].+$", r"\]\((?!README)([^)]+)\)"):
        assert re.findall(pattern, english, re.MULTILINE) == re.findall(pattern, chinese, re.MULTILINE)


def test_every_command_in_the_readme_exists():
    text = (ROOT / "README.md").read_text("utf-8")
    used = set(re.findall(r"^pix2pix ((?:data )?[a-z]+)", text, re.MULTILINE))
    assert used
    assert used <= _documented()


def test_commands_of_data_are_documented():
    assert {"train", "data fetch", "data split", "data combine", "data resize"} <= _documented()


def _documented():
    return set(re.findall(r"^## (.+)$", _pages()["commands.md"], re.MULTILINE))
