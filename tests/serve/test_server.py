import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pix2pix.errors import UserError
from pix2pix.serve import server
from pix2pix.serve.server import ServerOptions, serve
from tests.helpers import write_text
from tests.serve.helpers import SOURCE, file_of


@contextlib.contextmanager
def served(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own process, and its address."""
    command = [sys.executable, "-m", "pix2pix", "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://[^ ]+/", line)
        assert found, (line, process.stderr and process.stderr.read())
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def send_while(address: str, stop: Callable[[], None]) -> httpx.Response:
    """The answer to a picture of which the last byte comes after the server was stopped."""
    body = file_of(SOURCE)

    def slowly() -> Iterator[bytes]:
        yield body[:-1]
        while httpx.get(f"{address}health").json()["queue"]["under_way"] == 0:
            time.sleep(0.01)
        stop()
        time.sleep(0.3)
        yield body[-1:]

    return httpx.post(
        f"{address}api/models/house/translate",
        content=slowly(),
        headers={"content-type": "image/png"},
        timeout=30,
    )


def test_its_end_finishes_what_it_took(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    servers: list[server.Server] = []

    class Kept(server.Server):
        def run(self, sockets: list[socket.socket] | None = None) -> None:
            servers.append(self)
            super().run(sockets)

    monkeypatch.setattr(server, "Server", Kept)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # for main threads only
    opened: list[tuple[str, int]] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append((url, httpx.get(url).status_code)))
    thread = threading.Thread(
        target=serve,
        args=([models / "house.safetensors"], ServerOptions(port=0, device="cpu", open_page=True)),
    )
    thread.start()
    said = ""
    while "http" not in said:
        said += capsys.readouterr().out
        time.sleep(0.01)
    assert said.startswith("pix2pix serves house at http://127.0.0.1:")
    address = said.split()[4]
    answer = send_while(address, lambda: servers[0].handle_exit(signal.SIGINT, None))
    thread.join(30)
    assert opened == [(address, 200)]
    assert answer.status_code == 200
    assert not thread.is_alive()
    printed = capsys.readouterr()
    assert "stopping: finishing 1 request;" in printed.err
    assert printed.out.endswith("pix2pix has stopped serving\n")
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_good_end(models: Path, number: signal.Signals) -> None:
    with served(models / "house.safetensors") as (process, address):
        answer = send_while(address, lambda: process.send_signal(number))
        assert answer.status_code == 200
        assert process.wait(30) == 0


@pytest.mark.slow
def test_a_second_signal_ends_at_once(models: Path) -> None:
    with served(models / "house.safetensors") as (process, address):

        def stop() -> None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0  # though the picture has not come

        with contextlib.suppress(httpx.TransportError):
            assert send_while(address, stop).status_code >= 500


def test_a_file_that_is_no_model_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a whole"):
        serve([write_text(tmp_path / "a.safetensors")], ServerOptions(port=0))
