"""Counts every response by route and status."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: All else is the page's, whose addresses hold names of files and sessions.
_ROUTES = frozenset(("/v1/predict", "/v1/models", "/healthz", "/metrics", "/docs", "/openapi.json", "/login"))
_METHODS = frozenset(("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"))


class Counting:
    """Middleware.

    Args:
        app: what comes behind.
        count: takes route, method and status.
    """

    def __init__(self, app: ASGIApp, *, count: Callable[[str, str, int], None]) -> None:
        self._app, self._count = app, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = scope["path"] if scope["path"] in _ROUTES else "page"
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(route, method, message["status"])
            await send(message)

        await self._app(scope, receive, counted_send)
