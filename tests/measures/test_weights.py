"""Weights of published networks: from torch's cache, fetched when requested, never unpickled."""

import os
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.measures.weights import cached, fetched, read_weights

_URL = "https://example.invalid/weights/net-0123abcd.pth"


@pytest.fixture(autouse=True)
def cache_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def test_what_lies_in_the_cache_is_not_fetched(cache_of_torch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetches = []

    def download(url: str, path: str, prefix: str, progress: bool) -> None:
        fetches.append((url, prefix))
        Path(path).write_bytes(b"weights")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert cached("net-*.pth") is None
    path = fetched(_URL)
    assert path == cache_of_torch / "net-0123abcd.pth"
    assert fetched(_URL) == cached("net-*.pth") == path
    assert fetches == [(_URL, "0123abcd")]


@pytest.mark.parametrize("error", [URLError("no route"), RuntimeError("invalid hash value")])
def test_weights_that_cannot_be_fetched_are_one_sentence(
    cache_of_torch: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def download(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(UserError, match=r"Cannot fetch .*(no route|invalid hash value).*put it at") as caught:
        fetched(_URL)
    assert str(cache_of_torch / "net-0123abcd.pth") in str(caught.value)


class Harm:
    def __reduce__(self) -> object:
        return os.mkdir, ("harmed",)


@pytest.mark.parametrize("content", ["text", "tensor", "code"])
def test_a_file_of_other_content_is_refused_and_nothing_in_it_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pth"
    if content == "text":
        path.write_text("no weights")
    else:
        torch.save(torch.zeros(2) if content == "tensor" else {"weight": Harm()}, path)
    with pytest.raises(UserError, match=r"a\.pth does not hold the weights of Inception"):
        read_weights(path, "Inception")
    assert not (tmp_path / "harmed").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Cannot read .*none\.pth: No such file"):
        read_weights(tmp_path / "none.pth", "Inception")
