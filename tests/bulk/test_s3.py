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
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Breaking, str]]:
    """The connections to a server with a bucket, and the end of the URIs that lead there."""
    server_module = pytest.importorskip("moto.server", reason="needs moto: pip install 'moto[s3,server]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(places, "_FIRST_WAIT_SECONDS", 0.01)
    server = server_module.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    requests.put(f"http://127.0.0.1:{port}/bucket", timeout=10)
    connections = Breaking(port)
    yield connections, f"?endpoint_override=127.0.0.1:{connections.port}&scheme=http&region=us-east-1"
    connections.close()
    server.stop()


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
