"""The routes. What they do is in `service`; who may ask is in `guard`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from pix2pix.page.card import Card
from pix2pix.serve.answers import FORMATS
from pix2pix.serve.counters import CONTENT_TYPE
from pix2pix.serve.docs_page import POLICY, docs_page
from pix2pix.serve.guard import Guard
from pix2pix.serve.hosting import example_digest, example_png
from pix2pix.serve.problems import RequestError, Told
from pix2pix.serve.service import Asked, Service
from pix2pix.serve.uploads import FIELD, FORM, RAW
from pix2pix.version import __version__

_FOR_EVER = "public, max-age=31536000, immutable"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "required": [FIELD], "properties": {FIELD: {"type": "string", "format": "binary"}}}
_BODY = {"required": True, "content": dict.fromkeys(RAW, _BINARY) | {FORM: {"schema": _FORM}}}
_ERRORS = {
    400: "The picture is empty, broken or none.",
    403: "The request comes from another site's page, or is for another host.",
    404: "There is no such model or example.",
    406: "The client accepts no format that there is, or that can hold the answer.",
    408: "The picture came too slowly.",
    413: "The body or the picture is too large.",
    415: "The body is of a kind that is not taken.",
    422: "A parameter has no such value, or the picture does not fit the model.",
    500: "The server failed; its log says how.",
    503: "There is too much to do, or too little memory: try again later.",
}
Name = Annotated[str, Path(description="A model, as /api/models names it.")]


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


def create_app(
    service: Service, page: StaticFiles, origins: Sequence[str] = (), *, loopback: bool = True
) -> ASGIApp:
    """The application; `page` serves the drawing page; the rest is as for `Guard`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="pix2pix",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        description="Translates pictures with trained models.",
        responses=_told(403, 500),
    )
    _add_api(app, service)
    _add_state(app, service)
    _add_errors(app)
    # What no route takes is one of the page's files, or not there.
    app.router.default = page
    app.openapi_schema = _with_names(app.openapi(), list(service.hosted))
    allowed = CORSMiddleware(
        app,
        origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Content-Type"],
        expose_headers=["X-Milliseconds", "Retry-After"],
    )
    return Guard(allowed if origins else app, origins, loopback)


def _add_api(app: FastAPI, service: Service) -> None:
    @app.get("/api/models")
    async def models() -> Models:
        """The models that are served, and what the drawing page needs to know of each."""
        return Models(models=[hosted.card for hosted in service.hosted.values()])

    @app.post(
        "/api/models/{name}/translate",
        response_class=Response,
        openapi_extra={"requestBody": _BODY},
        responses={
            200: {
                "description": "The translation, of the same size; variants side by side.",
                "content": {f"image/{kind}": _BINARY for kind in FORMATS},
                "headers": {
                    "X-Milliseconds": {"description": "Time in the network.", "schema": {"type": "number"}}
                },
            },
            **_told(400, 404, 406, 408, 413, 415, 422, 503),
        },
    )
    async def translate(name: Name, asked: Annotated[Asked, Query()], request: Request) -> Response:
        """Translate the picture in the body: as it is, or as a form's field `image`."""
        answer = await service.translate(name, asked, request)
        headers = {
            "X-Milliseconds": f"{answer.milliseconds:.1f}",
            "Vary": "Accept",
            "Cache-Control": "no-store",
        }
        return Response(answer.body, media_type=answer.media_type, headers=headers)

    @app.get(
        "/api/models/{name}/examples/{number}/{which}",
        response_class=Response,
        responses={
            200: {"description": "The picture.", "content": {"image/png": _BINARY}},
            **_told(404, 422),
        },
    )
    async def example(
        name: Name, number: int, which: Literal["source", "target"], digest: str = ""
    ) -> Response:
        """A known pair's picture; under the address that a model's card gives it, for ever."""
        model, target = service.model(name), which == "target"
        pair = model.examples[number] if 0 <= number < len(model.examples) else None
        half = (pair.target if target else pair.source) if pair else None
        if half is None:
            raise RequestError(404, f"The model '{name}' has no {which} of an example {number}.")
        png = await service.aside(lambda: example_png(half, model.header, target=target))
        lasting = digest and digest == await service.aside(lambda: example_digest(half))
        headers = {"Cache-Control": _FOR_EVER} if lasting else {}
        return Response(png, media_type="image/png", headers=headers)


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/health")
    async def health() -> Health:
        """Whether the server lives, which models are in memory, and how much there is to do."""
        loaded = service.pool.loaded
        return Health(
            status="ok",
            version=__version__,
            models=[ModelHealth(name=name, loaded=name in loaded) for name in service.hosted],
            queue=Queue(under_way=service.under_way, limit=service.queue, waiting=service.lanes.waiting),
        )

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts, in the text that Prometheus reads."""
        return Response(service.counters.text(), headers={"Content-Type": CONTENT_TYPE})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()), headers={"Content-Security-Policy": POLICY})


def _add_errors(app: FastAPI) -> None:
    """Whatever goes wrong is told in one shape."""

    @app.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> JSONResponse:
        again = {} if error.retry_seconds is None else {"Retry-After": str(error.retry_seconds)}
        return _answer(error.status, error.message, error.hint, again)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        said = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in error.errors())
        return _answer(422, f"The request has a wrong parameter. {said}.", "See /docs.")

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> JSONResponse:
        what = {404: "There is nothing", 405: f"There is no {request.method}"}
        told = f"{what.get(error.status_code, error.detail)} at {request.url.path}."
        return _answer(error.status_code, told, "See /docs.", dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return _answer(500, "The server failed at this request.", "Its log says how.")


def _answer(status: int, error: str, hint: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(Told(error=error, hint=hint).model_dump(), status, headers)


def _told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI of these errors."""
    return {s: {"model": Told, "description": _ERRORS[s]} for s in statuses}


def _with_names(schema: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The OpenAPI that knows which models there are: they stay until the server ends."""
    for path in schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if (parameter["in"], parameter["name"]) == ("path", "name"):
                    parameter["schema"]["enum"] = list(names)
    return schema
