import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from pix2pix.serve.app import create_app, page_files
from pix2pix.serve.guard import Guard
from pix2pix.serve.service import Service

SITE = "https://pix.example.org"


def status(guard: ASGIApp, host: str, origin: str | None = None) -> int:
    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guard)) as client:
            headers = {"host": host} | ({} if origin is None else {"origin": origin})
            return await client.post("http://any/", headers=headers)

    answer = asyncio.run(run())
    assert answer.status_code == 200 or set(answer.json()) == {"error", "hint"}
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    return answer.status_code


def guard(*origins: str, loopback: bool = True) -> Guard:
    return Guard(PlainTextResponse("in"), origins, loopback)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "localhost", "[::1]:8000", "a.localhost", "127.9.9.9"]
)
def test_this_machine_is_asked_by_its_names(host: str) -> None:
    assert status(guard(), host) == 200
    assert status(guard(), host, f"http://{host}") == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "10.0.0.1"])
def test_another_name_is_rebinding(host: str) -> None:
    assert status(guard(), host) == 403
    assert status(guard(), host, f"http://{host}") == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost", "http://[", "file://"],
)
def test_pages_of_other_sites_are_refused(origin: str) -> None:
    assert status(guard(), "127.0.0.1:8000", origin) == 403
    assert status(guard(loopback=False), "127.0.0.1:8000", origin) == 403


def test_a_named_site_may_ask_by_its_page_and_through_its_proxy() -> None:
    assert status(guard(SITE), "127.0.0.1:8000", SITE) == 200
    assert status(guard(SITE), "pix.example.org", SITE) == 200
    assert status(guard(SITE), "127.0.0.1:8000", "https://other.example.org") == 403


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("Atelier.local:8000", 200),
        ("atelier", 200),
        ("atelier.lan", 200),
        ("10.0.0.1:8000", 200),
        ("[fe80::1]:8000", 200),
        ("localhost", 200),
        ("evil.example:8000", 403),
        ("atelier.evil.example", 403),
        ("", 403),
    ],
)
def test_open_to_others_it_is_asked_by_addresses_and_its_own_name(
    host: str, answer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Atelier.lan")
    assert status(guard(loopback=False), host, f"http://{host}" if host else None) == answer


def test_a_named_site_is_reported_so_in_headers(service: Service) -> None:
    app = create_app(service, page_files(), [SITE])

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asks = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
            return [
                await client.options("/api/models/house/translate", headers={"origin": SITE, **asks}),
                await client.get("/api/models", headers={"origin": SITE}),
                await client.get("/api/models"),
            ]

    preflight, foreign, own = asyncio.run(run())
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == SITE
    assert foreign.headers["access-control-allow-origin"] == SITE
    assert "X-Milliseconds" in foreign.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in own.headers
