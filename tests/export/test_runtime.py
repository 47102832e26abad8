from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.export import runtime
from pix2pix.export.runtime import load_runtime
from pix2pix.progress import Progress

CONTENTS = {name: name.encode() * 3 for name in runtime.SHA256}


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands for the package's files is what is pinned."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in CONTENTS.items()}
    monkeypatch.setattr(runtime, "SHA256", digests)


def folder(place: Path) -> Path:
    (place / "dist").mkdir(parents=True)
    for name, data in CONTENTS.items():
        (place / "dist" / name).write_bytes(data)
    return place


def archive(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for name, data in CONTENTS.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(data)
            out.addfile(member, io.BytesIO(data))
    return path


def npm(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Make a program named npm, the only one on the path."""
    place.mkdir()
    (place / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (place / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")


def test_a_folder_and_an_archive_give_the_same(tmp_path: Path) -> None:
    assert load_runtime(folder(tmp_path / "package"), Progress()) == CONTENTS
    assert load_runtime(archive(tmp_path / "a.tgz"), Progress()) == CONTENTS


def test_a_byte_that_differs_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "package")
    changed = place / "dist" / "ort-wasm-simd-threaded.wasm"
    changed.write_bytes(b"something else")
    with pytest.raises(UserError, match=f"{changed.name} of .* is not that of onnxruntime-web@1"):
        load_runtime(place, Progress())
    cut = archive(tmp_path / "a.tgz")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with pytest.raises(UserError, match=r"a\.tgz is not onnxruntime-web@1.*whole.*npm pack onnxruntime-web"):
        load_runtime(cut, Progress())


def test_a_missing_package_and_one_of_another_kind_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no .*nowhere"):
        load_runtime(tmp_path / "nowhere", Progress())
    with pytest.raises(UserError, match=r"is not onnxruntime-web@1.*No such file.*node_modules"):
        load_runtime(tmp_path, Progress())


def test_npm_fetches_it_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = archive(tmp_path / "a.tgz")
    npm(tmp_path / "bin", monkeypatch, f'echo "$@" > {tmp_path}/arguments; cp {packed} it.tgz')
    assert load_runtime(None, Progress()) == CONTENTS
    arguments = (tmp_path / "arguments").read_text()
    assert "onnxruntime-web@1.30.0" in arguments
    assert "--ignore-scripts" in arguments
    (tmp_path / "bin" / "npm").unlink()
    assert load_runtime(None, Progress()) == CONTENTS


def test_an_archive_that_npm_brings_is_checked_before_it_is_kept(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path / "bin", monkeypatch, "echo changed > it.tgz")
    with pytest.raises(UserError, match="is not onnxruntime-web@1"):
        load_runtime(None, Progress())
    assert not list(cache.iterdir())


def test_without_npm_or_network_the_error_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path / "bin", monkeypatch, "echo 'npm error code ENOTFOUND' >&2; exit 1")
    with pytest.raises(UserError, match=r"npm error code ENOTFOUND\..*--runtime FILE"):
        load_runtime(None, Progress())
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"no npm here.*Install Node\.js.*--runtime FILE"):
        load_runtime(None, Progress())
