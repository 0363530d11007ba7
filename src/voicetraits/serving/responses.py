"""Sends a problem as JSON from where FastAPI has no hand in it."""

import json

from starlette.types import Receive, Send

from voicetraits.serving.problems import Problem

#: A body that nobody wants is read so far all the same: a client that is still sending would miss the answer.
_DRAINED_BYTES = 8 << 20


async def send_problem(problem: Problem, send: Send) -> None:
    """The whole response."""
    body = json.dumps(problem.as_dict()).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def drain(receive: Receive) -> None:
    """Read what is left of a body, up to a bound, and forget it."""
    left = _DRAINED_BYTES
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return
