"""What the page's door makes of answers: of a recording that is gone while its player asks for it, of no address."""

import asyncio
import json

import anyio
import pytest
from starlette.applications import Starlette
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route

from voicetraits.serving.page_door import PageDoor

SCOPE = {"type": "http", "method": "GET", "path": "/gradio_api/file=/tmp/gone.wav", "headers": []}


def statuses(app) -> list[int]:
    return [message["status"] for message in messages(app, SCOPE) if message["type"] == "http.response.start"]


def messages(app, scope) -> list[dict]:
    sent = []

    async def receive():
        await asyncio.sleep(0.001)  # as a server does, so that the answer has its turn
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(PageDoor(app, uploads=1)(scope, receive, send))
    return sent


def test_a_file_that_is_gone_is_not_found(tmp_path):
    gone = FileResponse(tmp_path / "gone.wav")
    assert statuses(gone) == [404]
    # Within an application, which makes a 500 of what it does not expect.
    assert statuses(Starlette(routes=[Route(SCOPE["path"], lambda request: gone)])) == [404]


def test_a_file_that_goes_between_the_look_at_it_and_its_opening_is_not_found(tmp_path, monkeypatch):
    (tmp_path / "there.wav").write_bytes(b"RIFF")
    there = FileResponse(tmp_path / "there.wav")
    assert statuses(there) == [200]
    opened = anyio.open_file

    async def too_late(path, mode):
        path.unlink()
        return await opened(path, mode)

    monkeypatch.setattr(anyio, "open_file", too_late)
    assert statuses(there) == [404]


def test_what_was_answered_is_not_answered_twice():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"RIFF", "more_body": True})
        raise FileNotFoundError(2, "No such file or directory", "/tmp/gone.wav")

    assert statuses(app) == [200]


def test_other_errors_are_not_hidden():
    async def app(scope, receive, send):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        statuses(app)

    async def fails(request):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        statuses(Starlette(routes=[Route(SCOPE["path"], fails)]))


@pytest.mark.parametrize("path", ["/nowhere", "/v1/predict/"])
def test_an_unknown_address_is_told_as_the_service_tells_it(path):
    """Not as Gradio does, which stands behind the door."""
    start, body = messages(JSONResponse({"detail": "Not Found"}, 404), SCOPE | {"path": path})
    assert (start["status"], json.loads(body["body"])["error"]) == (404, "not_found")
    assert messages(JSONResponse([1]), SCOPE | {"path": "/config"})[-1]["body"] == b"[1]"
