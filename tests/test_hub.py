"""Models go to a hub and come back. The hub is a local server; the library is the real one."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pix2pix.errors import UserError
from pix2pix.hub import download_model, upload_model
from pix2pix.pictures import codec
from tests.cli.command import pix2pix
from tests.helpers import write, write_model

pytest.importorskip("huggingface_hub")


class _Handler(BaseHTTPRequestHandler):
    """As much of the hub as is used: files of repositories, and commits."""

    hub: FakeHub

    def log_message(self, *words: object) -> None: ...

    def _answer(self, code: int, content: Any = b"", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        if "/resolve/" not in self.path:  # whether a name is taken, which agents there are
            return self._answer(404, {})
        self.hub.tokens.append(self.headers.get("Authorization"))
        owner, name, _, _, file = self.path.removeprefix("/").split("/", 4)
        files = self.hub.files.get(f"{owner}/{name}")
        if files is None:
            return self._answer(401, X_Error_Code="RepoNotFound")
        if file not in files:
            return self._answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit="0" * 40)
        return self._answer(200, files[file], X_Repo_Commit="0" * 40, ETag='"' + "e" * 40 + '"')

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.hub.tokens.append(self.headers.get("Authorization"))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.hub.refuses:
            return self._answer(403, {"error": "You don't have the rights"})
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.hub.private[name] = asked.get("private") or asked.get("visibility") == "private"
            self.hub.files.setdefault(name, {})
            return self._answer(200, {"url": f"{self.hub.address}/{name}"})
        if "/preupload/" in self.path:
            files = [
                {**file, "uploadMode": "regular", "shouldIgnore": False} for file in json.loads(body)["files"]
            ]
            return self._answer(200, {"files": files})
        if "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    name = "/".join(self.path.split("/")[3:5])
                    value = line["value"]
                    self.hub.files[name][value["path"]] = base64.b64decode(value["content"])
            return self._answer(200, {"commitOid": "0" * 40, "commitUrl": f"{self.hub.address}/x/y/commit/0"})
        return self._answer(200, {"errors": [], "warnings": []})


class FakeHub:
    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.tokens: list[str | None] = []
        self.refuses = False
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    fake = FakeHub()
    monkeypatch.setenv("HF_ENDPOINT", fake.address)
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_test")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    thread = threading.Thread(target=fake.server.serve_forever, daemon=True)
    thread.start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()
    thread.join()


def test_what_was_put_on_the_hub_comes_back(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"weights")
    files = {"model.safetensors": tmp_path / "m.safetensors", "README.md": b"# card"}
    assert upload_model("me/facades", files, private=True).endswith("/me/facades")
    assert hub.files == {"me/facades": {"model.safetensors": b"weights", "README.md": b"# card"}}
    assert hub.private["me/facades"]
    assert download_model("me/facades").read_bytes() == b"weights"
    assert {*hub.tokens} == {"Bearer hf_of_the_test"}


def test_a_run_that_was_pushed_translates_by_its_name(hub: FakeHub, tmp_path: Path) -> None:
    model = write_model(tmp_path / "run" / "model.safetensors")
    result = pix2pix("push", model.parent, "me/houses")
    assert (result.exit_code, result.stdout) == (0, f"{hub.address}/me/houses\n")
    assert {*hub.files["me/houses"]} == {"README.md", "model.safetensors"}
    assert not hub.private["me/houses"]
    picture = write(tmp_path / "in.png")
    for name, out in (("hub:me/houses", "by_hub.png"), (model, "by_file.png")):
        words = (name, picture, "-o", tmp_path / out, "--engine", "torch")
        assert pix2pix("translate", *words).exit_code == 0
    one, other = (codec.read(tmp_path / out).astype(int) for out in ("by_hub.png", "by_file.png"))
    assert abs(one - other).max() <= 1


def test_without_the_hub_an_earlier_download_is_used(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.files["me/facades"] = {"model.safetensors": b"weights"}
    download_model("me/facades")
    # As HF_HUB_OFFLINE=1; without, the library tries for 23 seconds.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert download_model("me/facades").read_bytes() == b"weights"
    with pytest.raises(UserError, match=r"me/other from the hub: it cannot be reached, and no earlier"):
        download_model("me/other")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("me/none", "there is none of that name, or it is not yours. Log in with `hf auth login`"),
        ("me/empty", "it holds no model.safetensors"),
        ("facades", "'facades' is no name of a model on the hub: wanted OWNER/NAME"),
        ("../../etc", "wanted OWNER/NAME"),
    ],
)
def test_a_model_that_is_not_there_is_refused(hub: FakeHub, name: str, reason: str) -> None:
    hub.files["me/empty"] = {}
    with pytest.raises(UserError, match=reason.replace(".", r"\.")):
        download_model(name)


def test_a_name_of_someone_else_is_refused(hub: FakeHub) -> None:
    hub.refuses = True
    with pytest.raises(UserError, match=r"Cannot put you/x on the hub: .* not yours\. Log in"):
        upload_model("you/x", {"README.md": b"x"}, private=False)


def test_without_the_package_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"huggingface_hub\. Install it with pip install 'pix2pix\[hub\]'"):
        download_model("me/facades")
