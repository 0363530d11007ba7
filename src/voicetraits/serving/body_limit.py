"""Bounds a request's body in bytes and in time, whatever its headers say of it."""

import time
from collections.abc import Callable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicetraits.serving.problems import Kind, Problem
from voicetraits.serving.responses import drain, send_problem


class BodyLimit:
    """Middleware: a body that is too large is answered with 413, one that takes too long with 408.

    Args:
        app: what comes behind.
        max_bytes: of a body.
        seconds: from the first to the last byte of it.
        count: takes the path of each request whose body is too large or too slow, and which of them it is.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float, count: Callable[[str, Kind], None]) -> None:
        self._app, self._max_bytes, self._seconds, self._count = app, max_bytes, seconds, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        too_large = Problem(Kind.TOO_LARGE, f"a body of more than {self._max_bytes} bytes; send a shorter sound")
        promised = dict(scope["headers"]).get(b"content-length", b"")
        if promised.isdigit() and int(promised) > self._max_bytes:
            with anyio.move_on_after(self._seconds):
                await drain(receive)
            self._count(scope["path"], too_large.kind)
            await send_problem(too_large, send)
            return
        count, is_whole, has_begun, problem = 0, False, False, None
        deadline = time.monotonic() + self._seconds

        async def bounded_receive() -> Message:
            nonlocal count, is_whole, problem
            if problem is not None:
                return {"type": "http.disconnect"}
            if is_whole:  # what comes next is that the client goes, whenever that is
                return await receive()
            with anyio.move_on_after(max(0.0, deadline - time.monotonic())):
                message = await receive()
                count += len(message.get("body", b""))
                is_whole = not message.get("more_body", False)
                if count <= self._max_bytes:
                    return message
                problem = too_large
                if not is_whole:
                    await drain(receive)
            if problem is None:
                problem = Problem(Kind.TOO_SLOW_UPLOAD, f"the body took longer than {self._seconds:g} s to arrive")
            return {"type": "http.disconnect"}

        async def bounded_send(message: Message) -> None:
            nonlocal has_begun
            if problem is None or has_begun:
                has_begun = True
                await send(message)

        try:
            await self._app(scope, bounded_receive, bounded_send)
        except Exception:
            # What is behind was told that the client had gone, and may say so in ways of its own.
            if problem is None:
                raise
        if problem is not None:
            self._count(scope["path"], problem.kind)
            if not has_begun:
                await send_problem(problem, send)
