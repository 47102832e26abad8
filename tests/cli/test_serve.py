"""`pix2pix serve`: what reaches the server."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pix2pix.page.shipped import HOUSES
from pix2pix.serve import server
from tests.cli.command import pix2pix
from tests.helpers import write_model


def test_serve_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda *both: got.extend(both))
    given = (
        "a",
        "b",
        "--host",
        "::1",
        "--port",
        "0",
        "--origin",
        "https://x.org",
        "--origin",
        "http://y.org:8",
        "--examples",
        "e",
        "--memory",
        "0.5",
        "--queue",
        "9",
        "--max-megapixels",
        "1.5",
        "--device",
        "cpu",
        "--open",
    )
    assert pix2pix("serve", *given).exit_code == 0
    assert got == [
        [Path("a"), Path("b")],
        server.ServerOptions(
            host="::1",
            port=0,
            origins=["https://x.org", "http://y.org:8"],
            examples=Path("e"),
            memory_gb=0.5,
            queue=9,
            megapixels=1.5,
            device="cpu",
            open_page=True,
        ),
    ]


def test_the_options_not_given_are_the_services_own(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda *both: got.extend(both))
    assert pix2pix("serve", "a").exit_code == 0
    assert got[1] == server.ServerOptions()


def test_without_a_model_the_packages_own_is_served_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda *both: got.extend(both))
    result = pix2pix("serve")
    assert result.exit_code == 0
    assert got[0] == [HOUSES]
    assert "no model is named" in result.stdout
    assert str(HOUSES) in result.stdout
    assert "pix2pix serve runs/NAME" in result.stdout


@pytest.mark.parametrize("origin", ["pix.example.org", "https://", "https://x.org/page", "*"])
def test_an_origin_is_a_scheme_and_a_host(tmp_path: Path, origin: str) -> None:
    result = pix2pix("serve", write_model(tmp_path / "a.safetensors"), "--origin", origin)
    assert result.exit_code == 2
    assert "https://pix.example.org" in result.stderr


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "pix2pix.serve.server")
    result = pix2pix("serve", "a")
    assert result.exit_code == 2
    assert "pip install 'pix2pix[serve]'" in result.stderr


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    result = pix2pix("serve", tmp_path / "none.safetensors", "--port", "0")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
