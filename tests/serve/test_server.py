import asyncio
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
from pix2pix.serve.app import create_app, page_files
from pix2pix.serve.connections import http_config
from pix2pix.serve.server import ServerOptions, serve
from tests.helpers import noise, write_text
from tests.serve.helpers import SOURCE, file_of, open_service


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


@pytest.mark.slow
def test_clients_that_read_nothing_do_not_keep_the_server(models: Path) -> None:
    """A SIGTERM while answers of 12 MB lie unread: the process ends within 30 seconds."""
    body = file_of(noise(512, 512), "WEBP", lossless=True)
    head = (
        "POST /api/models/house/translate?samples=8&mode=paper HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: image/webp\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with served(models / "house.safetensors") as (process, address):
        url = httpx.URL(address)
        with contextlib.closing(socket.create_connection((url.host, url.port or 80))) as client:
            client.sendall(head.encode() + body)
            assert client.recv(1)  # the answer has begun
            start = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
            assert 5 < time.monotonic() - start < 31
        assert process.stderr is not None
        errors = process.stderr.read()
        assert "closing 1 connection" in errors
        assert "Traceback" not in errors


def test_the_server_gives_memory_back_when_it_is_idle(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_back: list[bool] = []
    monkeypatch.setattr(server, "give_back_memory", lambda: given_back.append(True))
    service = open_service(models / "house.safetensors", device="cpu")
    made = server.Server(http_config(create_app(service, page_files(models / "page"))), service)

    async def ticks() -> None:
        await made.on_tick(1)
        assert not given_back  # there was nothing to do yet
        with service.requests.share() as place:
            place.hold(1)
            await made.on_tick(1)
        await made.on_tick(1)
        assert not given_back  # not at once
        monkeypatch.setattr(server, "_IDLE_SECONDS", 0)
        await made.on_tick(1)
        await made.on_tick(1)

    asyncio.run(ticks())
    service.close()
    assert given_back == [True]


def test_a_file_that_is_no_model_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a whole"):
        serve([write_text(tmp_path / "a.safetensors")], ServerOptions(port=0))
