"""The server: what it tells, what it refuses, and that what it acknowledged outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Event

import httpx
import pytest
from starlette.types import ASGIApp

from pix2pix.errors import UserError
from pix2pix.evaluation.study.answers import Answers
from pix2pix.evaluation.study.app import create_app, serve
from tests.evaluation.study.studies import small_study
from tests.helpers import files_below


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own process, and its address."""
    command = [sys.executable, "-m", "pix2pix", "study", "serve", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = re.search(r"http://[^ ]+/", process.stdout.readline())
        assert address
        yield process, address[0]
    finally:
        process.kill()
        process.communicate()


class Client:
    """One request after another to an application, without a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def get(self, path: str) -> httpx.Response:
        return self._request("GET", path)

    def post(self, path: str, json: object = None) -> httpx.Response:
        return self._request("POST", path, json=json)

    def _request(self, method: str, path: str, **options: object) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(create_app(*small_study(tmp_path)))


def enrol(client: Client) -> str:
    response = client.post("/api/participants")
    assert response.status_code == 201
    return f"/api/participants/{response.json()['participant']}"


def test_the_page_knows_the_protocol_and_nothing_of_the_pictures(client: Client) -> None:
    terms = client.get("/api/study").json()
    assert terms.keys() == {
        *("id", "consent", "question", "show_ms", "pause_ms", "practice", "trials", "size_px")
    }
    assert "Real or fake?" in client.get("/").text
    assert client.get("/study.js").headers["content-type"].startswith("text/javascript")


def test_feedback_is_given_in_practice_alone(client: Client) -> None:
    participant = enrol(client)
    feedback = []
    for trial in range(6):
        assert client.get(participant).json() == {
            "participant": participant.split("/")[-1],
            "next": trial,
            "right": None,
        }
        body = {"trial": trial, "answer": 1, "shown_ms": [1000.4]}
        feedback.append(client.post(f"{participant}/answers", json=body).json()["right"])
    assert {type(right) for right in feedback[:2]} == {bool}
    assert feedback[2:] == [None] * 4
    assert (client.get(participant).json()["next"], client.get(participant).json()["right"]) == (None, 2)


def test_a_picture_tells_nothing_but_itself(client: Client) -> None:
    participant = enrol(client)
    heads = []
    for trial in range(6):
        response = client.get(f"{participant}/trials/{trial}/pictures/0")
        assert response.content.startswith(b"\x89PNG")
        heads.append({k: v for k, v in response.headers.items() if k != "content-length"})
    assert all(head == heads[0] for head in heads)
    assert heads[0].keys() == {"content-type", "cache-control"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("trials/6/pictures/0", 404),
        ("trials/0/pictures/1", 404),  # a single picture
        ("trials/0/pictures/2", 422),
        ("trials/0/pictures/..%2f..%2fstudy.json", 404),
        ("trials/x/pictures/0", 422),
    ],
)
def test_what_is_no_picture_is_not_found(client: Client, path: str, status: int) -> None:
    assert client.get(f"{enrol(client)}/{path}").status_code == status


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"trial": 1}, 409),
        ({"trial": 99}, 409),
        ({"answer": 2}, 422),
        ({"shown_ms": []}, 422),
        ({"shown_ms": [-1]}, 422),
        ({"shown_ms": "long"}, 422),
    ],
)
def test_what_is_no_answer_is_refused(client: Client, change: dict[str, object], status: int) -> None:
    participant = enrol(client)
    body = {"trial": 0, "answer": 0, "shown_ms": [1000]} | change
    assert client.post(f"{participant}/answers", json=body).status_code == status
    assert client.get(participant).json()["next"] == 0


def test_strangers_are_not_found(client: Client) -> None:
    body = {"trial": 0, "answer": 0, "shown_ms": [1000]}
    assert client.get("/api/participants/nobody").status_code == 404
    assert client.get("/api/participants/nobody/trials/0/pictures/0").status_code == 404
    assert client.post("/api/participants/nobody/answers", json=body).status_code == 409


def test_a_folder_without_a_study_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no study"):
        serve(tmp_path, port=0)
    assert not files_below(tmp_path)


def test_a_lost_picture_is_named_before_anybody_takes_part(tmp_path: Path) -> None:
    folder, _ = small_study(tmp_path, "a", "b")
    (folder / "pictures" / "fake-1" / "3.png").unlink()
    with pytest.raises(UserError, match=r"fake-1/3\.png is missing"):
        serve(folder, port=0)


@pytest.mark.slow
def test_kill_9_in_the_middle_loses_no_acknowledged_answer(tmp_path: Path) -> None:
    folder, study = small_study(tmp_path, "a", "b", trials=6)
    acknowledged: dict[str, list[int]] = {}
    enough, random = Event(), Random(0)

    def take_part(address: str) -> None:
        """Answer as fast as the server does, until it is gone."""
        with httpx.Client(base_url=address, timeout=30) as client, contextlib.suppress(httpx.TransportError):
            while True:
                participant = client.post("api/participants").json()["participant"]
                mine = acknowledged.setdefault(participant, [])
                for trial in range(study.total):
                    body = {"trial": trial, "answer": random.randrange(2), "shown_ms": [1000]}
                    answers = client.post(f"api/participants/{participant}/answers", json=body)
                    assert answers.status_code == 200
                    mine.append(body["answer"])
                    if sum(map(len, acknowledged.values())) >= 40:
                        enough.set()

    with served(folder) as (process, address), ThreadPoolExecutor(4) as pool:
        people = [pool.submit(take_part, address) for _ in range(4)]
        assert enough.wait(60)
        process.kill()
        assert process.wait(30) == -9
        for person in people:
            person.result(30)
    stored: dict[str, list[int]] = {}
    for row in Answers(folder, study).all():
        if row.answer is not None:
            stored.setdefault(row.participant, []).append(row.answer)
    for participant, answers in acknowledged.items():
        kept = stored.get(participant, [])
        assert kept[: len(answers)] == answers
        assert len(kept) <= len(answers) + 1  # one may be stored whose acknowledgement was lost
    with served(folder) as (_, address):
        for participant, answers in acknowledged.items():
            place = httpx.get(f"{address}api/participants/{participant}").json()["next"]
            assert place is None or place in (len(answers), len(answers) + 1)
