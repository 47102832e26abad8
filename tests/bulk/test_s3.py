"""A store of the kind S3, on loopback: pictures in and out, though connections break."""

import logging
import random
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from pix2pix.bulk import places
from tests.helpers import files_below

_BROKEN = 0.25  # of all connections


class Breaking:
    """Passes connections on to a port, and cuts a share of all."""

    def __init__(self, port: int) -> None:
        self._there, self._random = port, random.Random(0)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port, self.broken = self._server.getsockname()[1], 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                here, _ = self._server.accept()
                if self._random.random() < _BROKEN:
                    self.broken += 1
                    here.close()
                else:
                    there = socket.create_connection(("127.0.0.1", self._there))
                    threading.Thread(target=_pass_on, args=(here, there), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    """Send what each of two ends says to the other, until one is closed."""
    with here, there, suppress(OSError):
        ends = {here: there, there: here}
        while True:
            for end in select.select([here, there], [], [])[0]:
                if not (data := end.recv(2**16)):
                    return
                ends[end].sendall(data)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, list[str]]]:
    """The port of a server with a bucket, and the requests that reach it."""
    server_module = pytest.importorskip("moto.server", reason="needs moto: pip install 'moto[s3,server]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    serving = pytest.importorskip("werkzeug.serving")
    seen: list[str] = []
    monkeypatch.setattr(
        serving.WSGIRequestHandler,
        "log_request",
        lambda self, *what: seen.append(f"{self.command} {self.path}"),
    )
    server = server_module.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    requests.post(f"http://127.0.0.1:{port}/moto-api/reset", timeout=10)  # stores outlive their servers
    requests.put(f"http://127.0.0.1:{port}/bucket", timeout=10)
    yield port, seen
    server.stop()


def end_of_uri(port: int) -> str:
    return f"?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"


@pytest.fixture
def store(server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Breaking, str]]:
    """The connections to the server, of which a share breaks, and the end of the URIs that lead there."""
    monkeypatch.setattr(places, "_FIRST_WAIT_SECONDS", 0.01)
    connections = Breaking(server[0])
    yield connections, end_of_uri(connections.port)
    connections.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the server
def test_a_store_is_asked_once_for_each_picture_and_never_for_unchanged_ones(
    bulk: Callable[..., Any], photos: Path, server: tuple[int, list[str]]
) -> None:
    port, seen = server
    source, target = (f"s3://bucket/{name}{end_of_uri(port)}" for name in ("photos", "out"))
    names = files_below(photos)
    for name in names:
        places.open_place(source).write(name, (photos / name).read_bytes())
    seen.clear()
    bulk(source, target)
    of_inputs = sorted(one for one in seen if " /bucket/photos/" in one)
    assert of_inputs == sorted(f"{what} /bucket/photos/{name}" for name in names for what in ("GET", "HEAD"))
    assert listings(seen, "photos") == 1
    written = sorted(one for one in seen if one.startswith("PUT") and "/.bulk/" not in one)
    assert written == sorted(f"PUT /bucket/out/{name}" for name in names)

    seen.clear()
    assert bulk(source, target).seen == []
    assert listings(seen, "photos") == listings(seen, "out") == 1
    assert [one for one in seen if one.endswith(".png")] == []
    places.open_place(source).write("a.png", (photos / "b.png").read_bytes())
    seen.clear()
    assert bulk(source, target).translated == 1
    assert [one for one in seen if one.startswith("GET") and one.endswith(".png")] == [
        "GET /bucket/photos/a.png"
    ]


def listings(seen: list[str], folder: str) -> int:
    """How many requests list all names of a folder."""
    return sum("list-type" in one and one.endswith(f"prefix={folder}%2F") for one in seen)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the server
def test_pictures_in_and_out_though_connections_break(
    bulk: Callable[..., Any], photos: Path, tmp_path: Path, store: tuple[Breaking, str]
) -> None:
    connections, end = store
    source, target = f"s3://bucket/photos{end}", f"s3://bucket/out{end}"
    place, out = places.open_place(source), places.open_place(target)
    for name in files_below(photos):
        place.write(name, (photos / name).read_bytes())
    bulk(photos, tmp_path / "alone")
    outcome = bulk(source, target)
    assert (outcome.translated, outcome.failures) == (5, [])
    assert connections.broken
    names = {entry.path for entry in out.entries()}
    assert names == {name for name in files_below(tmp_path / "alone") if not name.startswith(".")}
    for name in names:
        assert out.read(name) == (tmp_path / "alone" / name).read_bytes()
    assert bulk(source, target).seen == []
