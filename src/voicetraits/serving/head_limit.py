"""Bounds the time that a client takes over a request's head: uvicorn waits for it as long as a connection is open."""

import asyncio

from uvicorn.protocols.http.auto import AutoHTTPProtocol

#: From the opening of a connection, or from the first byte after another request, to the end of the head.
SECONDS = 10.0


class HeadLimit(AutoHTTPProtocol):
    """The protocol of one connection, which is closed when a head takes longer."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._end()
        elif self._deadline is None:
            self._begin()

    def handle_websocket_upgrade(self, *arguments: object) -> None:
        self._end()
        super().handle_websocket_upgrade(*arguments)

    def connection_lost(self, error: Exception | None) -> None:
        self._end()
        super().connection_lost(error)

    def _begin(self) -> None:
        self._deadline = self.loop.call_later(SECONDS, self.transport.close)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
