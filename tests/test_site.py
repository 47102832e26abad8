"""The documentation site builds without a warning, and its pages need nothing but each other."""

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("zensical")
ROOT = Path(__file__).parents[1]
NEEDED = ("mkdocs.yml", "docs", "src", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md")


class Page(HTMLParser):
    """The anchors of a page, where its links lead, and what a browser loads to show it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        of = dict(attrs)
        self.anchors |= {of[name] for name in ("id", "name") if of.get(name)}
        if tag == "a" and of.get("href"):
            self.links.append(of["href"])
        if tag == "link" and of.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loaded.append(of["href"])
        if of.get("src"):
            self.loaded.append(of["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. Built from a copy, so that it leaves nothing in the checkout."""
    place = tmp_path_factory.mktemp("site")
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, place / name)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    built = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "No issues found" in built.stdout + built.stderr
    return place / "build" / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path.resolve(): Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_link_leads_to_a_file_and_an_anchor(pages):
    assert len(pages) > 20
    for path, page in pages.items():
        for link in page.links:
            where = urlsplit(link)
            if where.scheme:
                continue
            target = (path.parent / unquote(where.path)).resolve() if where.path else path
            assert target.exists(), f"{path.name}: {link}"
            if where.fragment and target in pages and where.fragment != "__skip":
                assert unquote(where.fragment) in pages[target].anchors, f"{path.name}: {link}"


def test_nothing_is_loaded_from_other_hosts(pages):
    for path, page in pages.items():
        assert page.loaded
        for address in page.loaded:
            assert not urlsplit(address).netloc, f"{path.name}: {address}"


def test_names_of_the_interface_are_documented(site, pages):
    import pix2pix

    anchors = pages[site / "api.html"].anchors
    for name in set(pix2pix.__all__) - {"__version__"}:
        assert any(anchor.endswith(f".{name}") for anchor in anchors), name


def test_every_page_is_in_the_navigation(site, pages):
    links = {(site / unquote(urlsplit(link).path)).resolve() for link in pages[site / "index.html"].links}
    assert set(pages) <= links
