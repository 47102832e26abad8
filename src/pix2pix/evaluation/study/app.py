"""The server of a study: its page, one participant's pictures, and answers that are kept.

Addresses name participant and trial, never a file: nothing that a browser sees tells real from fake. Neither
addresses of the network nor browsers are logged or stored.
"""

import ipaddress
import mimetypes
import signal
import sys
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.staticfiles import StaticFiles

from pix2pix.errors import UserError
from pix2pix.evaluation.study.answers import Answers
from pix2pix.evaluation.study.protocol import Question, Study, read_study
from pix2pix.serve.connections import http_config
from pix2pix.serve.guard import Guard, parse_origin
from pix2pix.serve.sockets import address_of, listen

# A reload loads no picture again; no other cache keeps one.
_PRIVATE = {"Cache-Control": "private, max-age=86400, immutable"}
Milliseconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Terms(BaseModel):
    """What the page needs to know before anyone takes part."""

    id: str
    consent: str
    question: Question
    show_ms: int
    pause_ms: int
    practice: int
    trials: int
    size_px: int


class Standing(BaseModel):
    """Where a participant is: the next trial, counted from 0, or None at the end, with the right answers."""

    participant: str
    next: int | None
    right: int | None = None


class AnswerBody(BaseModel):
    """An answer: 1 for a fake, or the place of the fake in a pair; and how long each picture was shown."""

    trial: int = Field(ge=0)
    answer: Literal[0, 1]
    shown_ms: list[Milliseconds] = Field(min_length=1, max_length=2)


class Acknowledged(BaseModel):
    """An answer is on the disk; whether it was right is said in practice alone."""

    right: bool | None


def create_app(folder: Path, study: Study) -> FastAPI:
    """Return the application that runs the study in a folder."""
    answers = Answers(folder, study)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/api/study")
    def terms() -> Terms:
        return Terms.model_validate(study.model_dump(include=set(Terms.model_fields)))

    @app.post("/api/participants", status_code=201)
    def enrol() -> Standing:
        return Standing(participant=answers.enrol(), next=0)

    @app.get("/api/participants/{participant}")
    def progress(participant: str) -> Standing:
        place = answers.place(participant)
        if place is None:
            raise HTTPException(404, "There is no such participant.")
        # Before the end the share of right answers would be feedback.
        right = place.right if place.next is None else None
        return Standing(participant=participant, next=place.next, right=right)

    @app.get("/api/participants/{participant}/trials/{number}/pictures/{place}")
    def picture(participant: str, number: int, place: Literal["0", "1"]) -> Response:
        trial = answers.trial(participant, number)
        if trial is None or int(place) >= len(trial.pictures):
            raise HTTPException(404, "There is no such picture.")
        # The bytes alone: times of files would tell real from fake.
        data = (folder / "pictures" / f"{trial.pictures[int(place)]}.png").read_bytes()
        return Response(data, media_type="image/png", headers=_PRIVATE)

    @app.post("/api/participants/{participant}/answers")
    def answer(participant: str, sent: AnswerBody) -> Acknowledged:
        right = answers.record(participant, sent.trial, sent.answer, sent.shown_ms)
        if right is None:
            raise HTTPException(409, "That trial is not the next one.")
        return Acknowledged(right=right if sent.trial < study.practice else None)

    mimetypes.add_type("text/javascript", ".js")  # some systems call it plain text
    app.mount("/", StaticFiles(directory=Path(__file__).parent / "static", html=True))
    return app


def serve(
    folder: Path,
    host: str = "127.0.0.1",
    port: int | None = None,
    origins: Sequence[str] = (),
    *,
    open_page: bool = False,
) -> None:
    """Run the study in a folder until a signal comes.

    Raises UserError for a folder that holds none, for lost pictures and for an address that cannot be had.
    """
    allowed = [parse_origin(url) for url in origins]
    study = read_study(folder)
    _refuse_lost_pictures(folder, study)
    app = create_app(folder, study)
    listening = listen(host, port)
    loopback = ipaddress.ip_address(listening.getsockname()[0]).is_loopback
    address = address_of(listening)
    print(f"pix2pix runs the study {folder} at {address} (Ctrl-C stops it)", flush=True)
    if not loopback:
        print("note: whoever can reach this machine can take part", file=sys.stderr)
    if open_page:
        # The socket listens already; some browsers block the program that opens them.
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: a normal end
    with suppress(KeyboardInterrupt):  # raised again by uvicorn, after it has stopped
        uvicorn.Server(http_config(Guard(app, allowed, loopback))).run(sockets=[listening])


def _refuse_lost_pictures(folder: Path, study: Study) -> None:
    counts = {"real": len(study.real)}
    counts |= {f"fake-{number}": len(fakes.sources) for number, fakes in enumerate(study.algorithms)}
    for name, count in counts.items():
        for number in range(count):
            if not (path := folder / "pictures" / name / f"{number}.png").is_file():
                raise UserError(f"{path} is missing.", "Copy the whole folder of the study, or make it anew.")
