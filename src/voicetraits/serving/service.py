"""The service's routes: sounds in, JSON out."""

from collections.abc import AsyncGenerator, Callable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from voicetraits.serving.engine import Engine
from voicetraits.serving.figures import CONTENT_TYPE
from voicetraits.serving.problems import STATUS, Kind, Problem
from voicetraits.serving.responses import drain
from voicetraits.serving.schemas import ErrorBody, HealthBody, ModelBody, ModelsBody, PredictionBody, TargetBody
from voicetraits.serving.sniffing import KINDS

PREDICT_PATH = "/v1/predict"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
#: Of a plain body; none is insisted on, since what a sound is, its bytes say.
_MEDIA_TYPES = ("application/octet-stream", "audio/wav", "audio/flac", "audio/ogg", "audio/mpeg")
_FORM = {
    "schema": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary", "description": "the sound"}},
        "required": ["file"],
    }
}
#: As nginx counts a client that went before it was answered.
_CLIENT_GONE = 499
#: What each status means on the OpenAPI page.
_MEANINGS = {
    401: "no token, or a wrong one",
    405: "another method",
    408: "the body took too long to arrive",
    413: "too many bytes, or too many seconds of sound",
    415: "no sound that is decoded here",
    421: "asked under a name that is not this machine's, and there is no token",
    422: "a damaged sound, or a query that is not allowed",
    429: "all places are taken; come again",
    500: "an error of the server's",
    503: "decoding took too long or ended its process, or a model is damaged",
}


def routes(engine: Engine) -> APIRouter:
    """All routes of the service, but for its OpenAPI page."""
    router = APIRouter()
    # Names as an enumeration: the OpenAPI page lists them, and others are turned away.
    Model = StrEnum("Model", {f"_{number}": name for number, name in enumerate(engine.models)})
    default = Model(engine.default)

    @router.post(
        PREDICT_PATH,
        response_model=PredictionBody,
        summary="Hear a sound",
        description=f"Send a file ({', '.join(KINDS)}) as the body itself or as the field `file` of a form, of at most "
        f"{engine.settings.max_body_bytes} bytes and {engine.settings.max_audio_seconds:g} seconds. It is not kept.",
        responses=_errors(401, 408, 413, 415, 421, 422, 429, 500, 503),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {**dict.fromkeys(_MEDIA_TYPES, _BINARY), "multipart/form-data": _FORM},
            }
        },
    )
    async def predict(
        request: Request,
        model: Annotated[Model, Query(description="which one to ask")] = default,
        segments: Annotated[bool, Query(description="answer by stretches of time as well")] = False,
    ) -> Any:
        body = _Body(request)
        try:
            engine.require_place("service")  # who would find none need not send all first
            with engine.held() as hold:
                sound = await _sound_of(body, hold)
                with engine.place("service"):
                    return dict((await engine.predict(model.value, sound, segments=segments, via="service")).prediction)
        except Problem as problem:
            if problem.kind == Kind.MALFORMED:  # the engine counts all others
                engine.figures.count_problem("service", problem.kind)
            if problem.kind == Kind.BUSY and not body.is_whole:
                await drain(request.receive)
            raise
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)

    @router.head("/v1/models", include_in_schema=False)
    @router.get("/v1/models", summary="Which models there are", responses=_errors(401, 421))
    async def models() -> ModelsBody:
        return ModelsBody(
            models=[
                ModelBody(
                    name=name,
                    is_default=name == engine.default,
                    targets={
                        target: TargetBody(
                            classes=list(config.classes),
                            identity=vars(model.identities[target]),
                            training_clips=dict(engine.training_set.clips.get(target, {})),
                        )
                        for target, config in model.configs.items()
                    },
                )
                for name, model in engine.models.items()
            ],
            corpus=engine.training_set.corpus,
            is_synthetic=engine.training_set.is_synthetic,
        )

    @router.head("/healthz", include_in_schema=False)  # as some monitors ask
    @router.get("/healthz", summary="Whether the server takes requests", responses=_errors(421))
    async def health() -> HealthBody:
        return HealthBody()

    @router.head("/metrics", include_in_schema=False)
    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses=_errors(401, 421) | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        return Response(engine.figures.text(), media_type=CONTENT_TYPE)

    return router


class _Body:
    """A request's body as it comes in.

    Attributes:
        headers: of the request.
        is_whole: whether its end has come.
    """

    def __init__(self, request: Request) -> None:
        self.headers, self.is_whole = request.headers, False
        self._receive = request.receive

    async def parts(self, hold: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
        """Its parts, each held before it is handed on. Raises ClientDisconnect, and what `hold` does."""
        while not self.is_whole:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part, self.is_whole = message.get("body", b""), not message.get("more_body", False)
            hold(len(part))
            yield part


async def _sound_of(body: _Body, hold: Callable[[int], None]) -> bytes:
    """The file in the body, in memory alone.

    Args:
        hold: of `Engine.held`.

    Raises:
        Problem: a form without it, or too much is held.
        ClientDisconnect: the client goes before it is there.
    """
    parts = body.parts(hold)
    if body.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        return b"".join([part async for part in parts])
    parser = MultiPartParser(body.headers, parts, max_files=1, max_fields=1)
    parser.spool_max_size = 1 << 62  # else what is larger than a megabyte goes through a file
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:  # KeyError: no boundary
        reason = getattr(error, "message", "no boundary")
        raise Problem(
            Kind.MALFORMED, f"a form that cannot be read ({reason}); send the sound as the field `file`"
        ) from None
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Problem(Kind.MALFORMED, "a form without a file; send the sound as the field `file`, with a file name")
        return await file.read()
    finally:
        await form.close()


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of them."""
    responses: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        kinds = [kind for kind, own in STATUS.items() if own == status]
        description = f"{_MEANINGS[status]}: {', '.join(f'`{kind}`' for kind in kinds)}"
        responses[status] = {"model": ErrorBody, "description": description}
    if 429 in responses:
        about = {"description": "seconds", "schema": {"type": "integer"}}
        responses[429]["headers"] = {"Retry-After": about}
    return responses
