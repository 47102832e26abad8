"""What happens under load, and to those who do not wait."""

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from pix2pix.inference.translator import Translator
from pix2pix.serve.app import create_app, page_files
from pix2pix.serve.connections import http_config
from pix2pix.serve.service import Service
from pix2pix.serve.sockets import listen
from tests.serve.helpers import SOURCE, ask, error_of, file_of, open_service

URL = "/api/models/house/translate"
PNG = file_of(SOURCE)
RAW = {"content-type": "image/png"}


class Held:
    """A service of one worker that translates nothing before it is released."""

    def __init__(self, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.release = threading.Event(), threading.Event()
        self.service = open_service(models / "house.safetensors", device="cpu", queue=3)
        use = self.service.pool.use

        @contextmanager
        def held(name: str) -> Iterator[Translator]:
            self.begun.set()
            assert self.release.wait(30)
            with use(name) as translator:
                yield translator

        monkeypatch.setattr(self.service.workers, "_use", held)
        self.app: ASGIApp = create_app(self.service, page_files(models / "page"))

    def limit_seconds(self, seconds: float) -> None:
        self.service.limits = replace(self.service.limits, seconds=seconds)


@pytest.fixture
def held(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    made = Held(models, monkeypatch)
    yield made
    made.release.set()
    made.service.close()


def over_sockets(app: ASGIApp, work: Callable[[int], None]) -> None:
    """Serve an application at a port of this machine while a thread works with it."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(http_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    port = listening.getsockname()[1]
    thread.start()
    try:
        work(port)
    finally:
        server.should_exit = True
        thread.join(30)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


def post(client: httpx.AsyncClient) -> "asyncio.Task[httpx.Response]":
    return asyncio.ensure_future(client.post(URL, content=PNG, headers=RAW))


def test_a_full_queue_answers_when_to_come_again(held: Held) -> None:
    async def work(client: httpx.AsyncClient) -> list[httpx.Response]:
        taken = [post(client) for _ in range(3)]
        await until(lambda: held.service.requests.taken == 3)
        refused = await post(client)
        health = await client.get("/health")
        held.release.set()
        return [refused, health, *await asyncio.gather(*taken), await post(client)]

    refused, health, *others = ask(held.app, work)
    assert refused.status_code == 503
    assert "takes 3 requests at a time" in error_of(refused)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert health.json()["queue"]["under_way"] == 3
    assert [answer.status_code for answer in others] == [200] * 4
    assert held.service.requests.taken == 0


def test_who_waited_too_long_is_reported_and_leaves_the_queue(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    held.limit_seconds(0.05)

    async def work(client: httpx.AsyncClient) -> list[httpx.Response]:
        first = post(client)
        await until(held.begun.is_set)
        second = await post(client)  # waits in vain
        assert held.service.requests.taken == 1
        held.release.set()
        return [await first, second]

    first, second = ask(held.app, work)
    assert first.status_code == 200  # begun in time, so it is finished
    assert second.status_code == 503
    assert "waited 0.05 seconds" in error_of(second)
    gc.collect()
    assert not caplog.records  # asyncio reports exceptions that nobody looked at
    assert "retry-after" in second.headers


def test_a_client_that_hangs_up_leaves_the_queue(held: Held) -> None:
    """Two requests over bare ASGI; the second hangs up while it waits."""
    sent: list[Any] = []

    async def request(hang_up: asyncio.Event) -> None:
        messages = [{"type": "http.request", "body": PNG, "more_body": False}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await hang_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"image/png")]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": URL,
            "raw_path": URL.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "scheme": "http",
            "server": ("localhost", 80),
            "client": ("localhost", 1),
        }
        await held.app(scope, receive, send)

    async def run() -> None:
        gone = asyncio.Event()
        first = asyncio.ensure_future(request(asyncio.Event()))
        await until(held.begun.is_set)
        second = asyncio.ensure_future(request(gone))
        await until(lambda: held.service.workers.waiting == 1)
        gone.set()
        await second
        held.release.set()
        await first

    asyncio.run(run())
    assert sorted(m["status"] for m in sent if "status" in m) == [200, 499]
    assert held.service.requests.taken == 0
    assert "pix2pix_batch_pictures_sum 1.0" in held.service.metrics.text().decode()


def test_a_hang_up_in_the_body_is_no_error(
    service: Service, app: ASGIApp, capfd: pytest.CaptureFixture[str]
) -> None:
    before = service.metrics.text().decode()

    def hang_up(port: int) -> None:
        head = f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        for length in (f"Content-Length: {2 * len(PNG)}", "Transfer-Encoding: chunked"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(f"{head}{length}\r\n\r\n".encode() + b"5\r\n" + PNG[:5])
                while not service.requests.taken:
                    time.sleep(0.01)
            while service.requests.taken:
                time.sleep(0.01)

    over_sockets(app, hang_up)
    counts = service.metrics.text().decode()
    assert 'status="499"' in counts
    assert counts.count('status="500"') == before.count('status="500"')
    assert "Traceback" not in capfd.readouterr().err
    assert service.requests.taken == service.bodies.taken == service.pictures.taken == 0


def test_pictures_that_wait_have_a_budget(held: Held) -> None:
    source_bytes = SOURCE.nbytes

    async def work(client: httpx.AsyncClient) -> list[httpx.Response]:
        first = post(client)
        await until(held.begun.is_set)
        assert held.service.pictures.taken == source_bytes  # no longer what it might have had
        second = post(client)
        await until(lambda: held.service.workers.waiting == 1)
        refused = await post(client)
        held.release.set()
        return [refused, *await asyncio.gather(first, second)]

    held.service.pictures.limit = source_bytes + 8 * SOURCE.shape[0] * SOURCE.shape[1]
    refused, *others = ask(held.app, work)
    assert refused.status_code == 503
    assert "pictures that wait fill their memory" in error_of(refused)
    assert "retry-after" in refused.headers
    assert [answer.status_code for answer in others] == [200, 200]
    assert held.service.pictures.taken == 0


def test_closing_finishes_what_was_taken(held: Held) -> None:
    async def work(client: httpx.AsyncClient) -> list[httpx.Response]:
        taken = [post(client) for _ in range(3)]
        await until(lambda: held.service.requests.taken == 3)
        held.release.set()
        answers = list(await asyncio.gather(*taken))
        await asyncio.to_thread(held.service.close)
        return answers

    assert [answer.status_code for answer in ask(held.app, work)] == [200] * 3


def test_a_model_that_went_is_reported(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "house.safetensors"
    path.write_bytes((models / "house.safetensors").read_bytes())
    service = open_service(path, device="cpu")
    app = create_app(service, page_files(models / "page"))
    path.unlink()
    (refused,) = ask(app, lambda client: asyncio.gather(post(client)))
    assert refused.status_code == 503
    assert "cannot be loaded" in error_of(refused)
    path.write_bytes((models / "house.safetensors").read_bytes())
    (answer,) = ask(app, lambda client: asyncio.gather(post(client)))
    assert answer.status_code == 200
    service.close()


def test_more_models_than_fit_are_served_in_turn(models: Path) -> None:
    paths = [models / f"{name}.safetensors" for name in ("house", "shoe")]
    room = 1.5 * paths[0].stat().st_size / 1e9
    service = open_service(*paths, device="cpu", memory_gb=room)
    app = create_app(service, page_files(models / "page"))

    async def work(client: httpx.AsyncClient) -> list[httpx.Response]:
        urls = [URL, URL.replace("house", "shoe")] * 3
        return list(await asyncio.gather(*(client.post(u, content=PNG, headers=RAW) for u in urls)))

    answers = ask(app, work)
    service.close()
    assert [answer.status_code for answer in answers] == [200] * 6
    assert answers[0].content == answers[2].content != answers[1].content
    assert len(service.pool.loaded) == 1


def test_bodies_that_are_too_large_together_are_refused_for_now(held: Held) -> None:
    with held.service.bodies.share() as share:
        share.hold(held.service.bodies.limit)
        (refused,) = ask(held.app, lambda client: asyncio.gather(post(client)))
    assert refused.status_code == 503
    assert "The server is busy: it receives" in error_of(refused)
    assert refused.headers["retry-after"] == "5"
