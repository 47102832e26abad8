"""What clients do that send nothing, or too much, or read nothing; over real sockets."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pix2pix.serve import connections
from pix2pix.serve.connections import HEADER_BYTES, http_config, most_connections
from pix2pix.serve.guard import Guard
from pix2pix.serve.sockets import listen

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def small(request: Request) -> Response:
    return PlainTextResponse("here")


async def large(request: Request) -> Response:
    return Response(bytes(20_000_000))


async def slow(request: Request) -> Response:
    await asyncio.sleep(1.5)
    return PlainTextResponse("here")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[uvicorn.Server, Any]]:
    """A server that waits 0.6 s where the real one waits 30, and its address."""
    monkeypatch.setattr(connections, "SILENT_SECONDS", 0.6)
    monkeypatch.setattr(connections, "_LOOK_SECONDS", 0.1)
    app = Starlette(routes=[Route("/", small), Route("/large", large), Route("/slow", slow)])
    server = uvicorn.Server(http_config(Guard(app, [], loopback=True)))
    listening = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    address = listening.getsockname()
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server, address
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def connect(address: Any) -> socket.socket:
    made = socket.create_connection(address)
    made.settimeout(30)
    return made


def received(client: socket.socket) -> bytes:
    """All that comes until the server closes."""
    data = bytearray()
    try:
        while part := client.recv(1 << 20):
            data += part
    except ConnectionResetError:
        pass
    return bytes(data)


def is_answered(client: socket.socket) -> bool:
    """Whether the small answer comes."""
    data = b""
    while part := client.recv(10_000):
        data += part
        if data.endswith(b"here"):
            return True
    return False


def is_closed_while_it_drips(client: socket.socket) -> bool:
    """Whether the server closes although there is always another byte; at most 20 s."""
    for _ in range(400):
        try:
            client.sendall(b"X")
        except ConnectionError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: lo"])
def test_who_sends_no_whole_header_is_closed(served: Any, start: bytes) -> None:
    with connect(served[1]) as client:
        client.sendall(start)
        assert received(client) == b""


def test_a_header_that_drips_is_closed_too_also_after_an_answer(served: Any) -> None:
    with connect(served[1]) as client:
        client.sendall(GET)
        assert is_answered(client)
        assert is_closed_while_it_drips(client)


def test_a_body_that_nobody_reads_keeps_no_connection(served: Any) -> None:
    with connect(served[1]) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        assert is_closed_while_it_drips(client)


def test_a_request_under_way_is_not_silent(served: Any) -> None:
    with connect(served[1]) as client:
        client.sendall(GET.replace(b"/", b"/slow", 1).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert received(client).endswith(b"here")


def test_who_does_not_read_an_answer_is_closed(served: Any) -> None:
    server, address = served
    with connect(address) as client:
        client.sendall(LARGE)
        time.sleep(0.3)
        assert server.server_state.connections
        for _ in range(200):
            if not server.server_state.connections:
                break
            time.sleep(0.05)
        assert not server.server_state.connections
        assert len(received(client)) < 20_000_000


def test_who_reads_slowly_gets_all(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_BYTES_PER_SECOND", 1000)
    with connect(served[1]) as client:
        client.sendall(LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        count = 0
        while part := client.recv(1 << 20):
            count += len(part)
            time.sleep(0.05)
        assert count > 20_000_000


def test_the_longest_silent_make_room(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SILENT_SECONDS", 30.0)
    monkeypatch.setattr(connections, "most_connections", lambda: 5)
    silent = [connect(served[1]) for _ in range(30)]
    with connect(served[1]) as client:
        client.sendall(GET)
        assert is_answered(client)
    assert received(silent[0]) == b""
    for one in silent:
        one.close()


@pytest.mark.parametrize(("files", "most"), [(1024, 512), (100, 16), (resource.RLIM_INFINITY, 2000)])
def test_there_are_fewer_connections_than_files(
    files: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (files, files))
    assert most_connections() == most


def test_headers_have_a_limit(served: Any) -> None:
    for header in (b"A: " + b"a" * 3 * HEADER_BYTES, b"A: b\r\n" * HEADER_BYTES):
        with connect(served[1]) as client:
            client.sendall(GET[:-2] + header + b"\r\n\r\n")
            assert client.recv(100).startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


@pytest.mark.parametrize("what", [b"\x16\x03\x01\x02\0\x01\0", b"GET / HTTP/9\r\n\r\n", b"\r\n\r\n\r\nx\r\n"])
def test_what_is_no_http_is_refused(served: Any, what: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with connect(served[1]) as client:
        client.sendall(what)
        assert received(client).startswith((b"HTTP/1.1 400", b""))
    assert "Traceback" not in capfd.readouterr().err


def test_a_web_socket_is_no_more_than_a_request(served: Any) -> None:
    upgrade = b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    with connect(served[1]) as client:
        client.sendall(GET[:-4] + upgrade + b"\r\nSec-WebSocket-Version: 13\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
