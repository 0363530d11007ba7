"""Puts the server together: the service, its OpenAPI page, the page, and what stands before all of them."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from http import HTTPMethod, HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from voicetraits.serving.access import Access
from voicetraits.serving.body_limit import BodyLimit
from voicetraits.serving.counting import Counting
from voicetraits.serving.documentation import page_of
from voicetraits.serving.engine import Engine
from voicetraits.serving.page_door import PageDoor
from voicetraits.serving.problems import STATUS, Kind, Problem
from voicetraits.serving.service import PREDICT_PATH, routes

_ABOUT = (
    "How a voice is labelled in the data that a model learnt from: not who somebody is. Sounds are not kept, and no "
    "call leaves the machine."
)
_METHODS = frozenset(HTTPMethod)


def app_of(engine: Engine) -> ASGIApp:
    """The whole server; the engine is closed with it.

    Raises:
        ModelError: there is to be a page, and Gradio is missing.
    """
    app = FastAPI(
        title="voicetraits", description=_ABOUT, version="1", docs_url=None, redoc_url=None, lifespan=_closing(engine)
    )
    service = routes(engine)
    app.include_router(service)

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return HTMLResponse(page_of(app.openapi()))

    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    settings, inner = engine.settings, app
    if settings.page:
        from voicetraits.serving.page import mount  # Gradio takes seconds to load, and a plain service has none

        _refuse_other_methods(app, [*service.routes, *app.routes])
        mount(app, engine)
        inner = PageDoor(app, uploads=settings.concurrent)
    guarded = Access(inner, token=settings.token, home="/" if settings.page else "/docs")
    # Outside: who has not shown a token is given no more bytes and no more time than others.
    limited = BodyLimit(
        guarded, max_bytes=settings.max_body_bytes, seconds=settings.upload_seconds, count=_count_body(engine)
    )
    return Counting(limited, count=engine.figures.count_request)


def _refuse_other_methods(app: FastAPI, routes: Iterable[BaseRoute]) -> None:
    """As FastAPI does by itself, but for a page that is mounted behind and answers whatever is left."""
    methods: dict[str, set[str]] = {}
    for route in routes:
        if isinstance(route, Route):
            methods.setdefault(route.path, set()).update(route.methods)
    for path, allowed in methods.items():

        async def refuse(_: Request, allowed: frozenset[str] = frozenset(allowed)) -> Response:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(sorted(allowed))})

        app.add_route(path, refuse, methods=sorted(_METHODS - allowed), include_in_schema=False)


def _count_body(engine: Engine) -> Callable[[str, Kind], None]:
    def count(path: str, kind: Kind) -> None:
        engine.figures.count_problem("service" if path == PREDICT_PATH else "page", kind)

    return count


def _closing(engine: Engine):
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            engine.close()

    return lifespan


async def _problem(_: Request, problem: Problem) -> JSONResponse:
    return JSONResponse(problem.as_dict(), status_code=problem.status, headers=problem.headers)


async def _unexpected(request: Request, _: Exception) -> JSONResponse:
    """Uvicorn prints the traceback."""
    return await _problem(request, Problem(Kind.FAILED, "an error of the server's, which its log tells of"))


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return await _problem(request, Problem(Kind.MALFORMED, f"{where}: {first['msg']}"))


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    """What FastAPI itself finds: no such address, another method."""
    kind = next((kind for kind, status in STATUS.items() if status == error.status_code), Kind.MALFORMED)
    content = Problem(kind, str(error.detail)).as_dict()
    return JSONResponse(content, status_code=error.status_code, headers=error.headers)
