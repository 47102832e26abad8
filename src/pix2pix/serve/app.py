"""The routes. What they do is in `service`; which requests are allowed is in `guard`."""

import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from pix2pix import __version__, page
from pix2pix.page.card import Card
from pix2pix.reports.pages import render
from pix2pix.serve.answers import FORMATS
from pix2pix.serve.errors import RequestError
from pix2pix.serve.guard import Guard
from pix2pix.serve.hosting import example_digest, example_png
from pix2pix.serve.parameters import Parameters
from pix2pix.serve.service import Service
from pix2pix.serve.token import TokenCheck
from pix2pix.serve.uploads.body import FIELD, FORM, RAW

# The page about the API has no scripts at all.
_DOCS_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'"
)
# Some systems name these otherwise, and a browser runs no module that is called plain text.
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"schema": {"type": "object", "required": [FIELD], "properties": {FIELD: _BINARY["schema"]}}}
_BODY = {"required": True, "content": {**dict.fromkeys(RAW, _BINARY), FORM: _FORM}}
_TRANSLATION = {
    "description": "The translation, of the same size; variants side by side.",
    "content": {f"image/{kind}": _BINARY for kind in FORMATS},
    "headers": {"X-Milliseconds": {"description": "Time in the network.", "schema": {"type": "number"}}},
}
_ERRORS = {
    400: "The picture is empty, broken or none.",
    401: "The server wants a token, and the request has none or another one.",
    403: "The request comes from another site's page, or is for another host.",
    404: "There is no such model or example.",
    406: "The client accepts no format that there is, or that can hold the answer.",
    408: "The picture came too slowly.",
    413: "The body or the picture is too large, or costs more than its size can need.",
    415: "The body is of a kind that is not taken.",
    422: "A parameter has no such value, or the picture does not fit the model.",
    500: "The server failed; its log says how.",
    503: "There is too much to do, or too little memory: try again later.",
}


class ErrorBody(BaseModel):
    """The JSON of an error."""

    error: str = Field(description="What was found, and what was wanted.")
    hint: str = Field(description="What to do about it; may be empty.")


class Models(BaseModel):
    """What can be drawn with."""

    models: list[Card]


class ModelHealth(BaseModel):
    """Whether a model's weights are in memory; else its first use reads them."""

    name: str
    loaded: bool


class Queue(BaseModel):
    """How busy the server is."""

    under_way: int = Field(description="Requests for translations that were taken.")
    limit: int = Field(description="How many there may be.")
    waiting: int = Field(description="Pictures that the network has not begun.")


class Health(BaseModel):
    """That the server lives, and what it holds."""

    status: Literal["ok"]
    version: str
    models: list[ModelHealth]
    queue: Queue


def page_files(folder: FilePath | None = None) -> StaticFiles:
    """Return an application that serves the drawing page's files, with their types and an ETag."""
    for suffix, kind in _TYPES.items():
        mimetypes.add_type(kind, suffix)
    return StaticFiles(directory=folder or FilePath(page.__file__).parent / "static", html=True)


def create_app(
    service: Service,
    page: StaticFiles,
    origins: Sequence[str] = (),
    *,
    loopback: bool = True,
    token: str | None = None,
) -> ASGIApp:
    """Return the application; `page` serves the drawing page; the rest is as for `Guard`.

    With `token` requests for anything but the page's files must have it.
    """
    app = FastAPI(
        title="pix2pix",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        description="Translates pictures with trained models.",
        responses=_errors(403, 500),
        exception_handlers=dict.fromkeys(
            (RequestError, RequestValidationError, HTTPException, Exception), _answer
        ),
    )
    _add_models(app, service)
    _add_state(app, service)
    # What no route takes is one of the page's files, or not there.
    app.router.default = page
    routes = {route.path.split("/")[1] for route in app.routes if isinstance(route, Route)}
    checked: ASGIApp = TokenCheck(app, token, routes) if token else app
    allowed = CORSMiddleware(
        checked,
        origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["X-Milliseconds", "Retry-After"],
    )
    return Guard(allowed if origins else checked, origins, loopback)


def _add_models(app: FastAPI, service: Service) -> None:
    # The models stay until the server ends.
    names = {"enum": list(service.hosted)}
    Name = Annotated[str, Path(description="A model, as /api/models names it.", json_schema_extra=names)]

    @app.get("/api/models")
    async def models() -> Models:
        """List the models that are served, and what the drawing page needs to know of each."""
        return Models(models=[hosted.card for hosted in service.hosted.values()])

    @app.post(
        "/api/models/{name}/translate",
        response_class=Response,
        openapi_extra={"requestBody": _BODY},
        responses={200: _TRANSLATION, **_errors(400, 404, 406, 408, 413, 415, 422, 503)},
    )
    async def translate(name: Name, parameters: Annotated[Parameters, Query()], request: Request) -> Response:
        """Translate the picture in the body: as it is, or as a form's field `image`."""
        return await service.translate(name, parameters, request)

    @app.get(
        "/api/models/{name}/examples/{number}/{which}",
        response_class=Response,
        responses={
            200: {"description": "The picture.", "content": {"image/png": _BINARY}},
            **_errors(404, 422),
        },
    )
    def example(name: Name, number: int, which: Literal["source", "target"], digest: str = "") -> Response:
        """Return a known pair's picture; its address in a model's card holds for good."""
        model, target = service.model(name), which == "target"
        pair = model.examples[number] if 0 <= number < len(model.examples) else None
        half = (pair.target if target else pair.source) if pair else None
        if half is None:
            raise RequestError(404, f"The model '{name}' has no {which} of an example {number}.")
        lasting = digest and digest == example_digest(half)
        headers = {"Cache-Control": "public, max-age=31536000, immutable"} if lasting else {}
        png = example_png(half, model.header, target=target)
        return Response(png, media_type="image/png", headers=headers)


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/health")
    async def health() -> Health:
        """Report whether the server lives, which models are in memory, and how much there is to do."""
        loaded, requests = service.pool.loaded, service.requests
        return Health(
            status="ok",
            version=__version__,
            models=[ModelHealth(name=name, loaded=name in loaded) for name in service.hosted],
            queue=Queue(under_way=requests.taken, limit=requests.limit, waiting=service.workers.waiting),
        )

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Report counts, in the text that Prometheus reads."""
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(
            render("api.html", title="The API of pix2pix", api=app.openapi(), figures=()),
            headers={"Content-Security-Policy": _DOCS_POLICY},
        )


async def _answer(request: Request, error: Exception) -> JSONResponse:
    """Answer whatever goes wrong in one shape."""
    headers: Mapping[str, str] = {}
    match error:
        case RequestError():
            status, message, hint = error.status, error.message, error.hint
            if error.retry_seconds is not None:
                headers = {"Retry-After": str(error.retry_seconds)}
        case RequestValidationError():
            faults = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in error.errors())
            status, message, hint = 422, f"The request has a wrong parameter. {faults}.", "See /docs."
        case HTTPException():
            causes = {404: "There is nothing", 405: f"There is no {request.method}"}
            message = f"{causes.get(error.status_code, error.detail)} at {request.url.path}."
            status, hint, headers = error.status_code, "See /docs.", error.headers or {}
        case _:
            status, message, hint = 500, "The server failed at this request.", "Its log says how."
    return JSONResponse(ErrorBody(error=message, hint=hint).model_dump(), status, headers)


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of these errors."""
    return {status: {"model": ErrorBody, "description": _ERRORS[status]} for status in statuses}
