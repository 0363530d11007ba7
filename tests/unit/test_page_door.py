"""A recording that is deleted while the page's player asks for it."""

import asyncio

import pytest
from starlette.responses import FileResponse

from voicetraits.serving.page_door import PageDoor

SCOPE = {"type": "http", "method": "GET", "path": "/gradio_api/file=/tmp/gone.wav", "headers": []}


def statuses(app) -> list[int]:
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(PageDoor(app, uploads=1)(SCOPE, receive, send))
    return [message["status"] for message in sent if message["type"] == "http.response.start"]


def test_a_file_that_is_gone_is_not_found(tmp_path):
    assert statuses(FileResponse(tmp_path / "gone.wav")) == [404]


def test_what_was_answered_is_not_answered_twice(tmp_path):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        raise RuntimeError("File at path /tmp/gone.wav does not exist.")

    assert statuses(app) == [500]


def test_other_errors_are_not_hidden():
    async def app(scope, receive, send):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        statuses(app)
