"""What browsers may ask Gradio for, and how many may send it a file at a time."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicetraits.serving.problems import Kind, Problem
from voicetraits.serving.responses import drain, send_problem

_API = "/gradio_api/"
_UPLOAD, _FILE = f"{_API}upload", f"{_API}file="
#: What the page calls. Gradio offers more: to fetch addresses, to run ffmpeg, to ask hosts of its own.
_ASKED = frozenset(
    ("upload", "upload_progress", "queue/join", "queue/data", "cancel", "reset", "info", "startup-events", "app_id",
     "theme.css")
)  # fmt: skip
_ASKED_BELOW = ("heartbeat/", "file=/")
_CLOSED = "/monitoring"


class PageDoor:
    """Middleware: what the page does not call is answered with 404, an upload beside too many others with 429.

    Args:
        app: what comes behind.
        uploads: that may be under way at a time.
    """

    def __init__(self, app: ASGIApp, *, uploads: int) -> None:
        self._app, self._uploads = app, uploads
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if not is_asked_for(path):
            await drain(receive)
            await send_problem(Problem(Kind.NOT_FOUND, "the page has no such address"), send)
        elif path.startswith(_FILE):
            await self._play(scope, receive, send)
        elif path.rstrip("/") != _UPLOAD:
            await self._app(scope, receive, _in_our_words(send))
        elif self._under_way >= self._uploads:
            await drain(receive)
            told = f"{self._under_way} files are being sent, which is all that may be; come again"
            await send_problem(Problem(Kind.BUSY, told), send)
        else:
            self._under_way += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._under_way -= 1

    async def _play(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A recording for the page's player; it may be answered, and so deleted, while it is asked for."""
        held: list[Message] = []
        is_begun = False

        async def release() -> None:
            nonlocal is_begun
            while held:
                is_begun = True
                await send(held.pop(0))

        async def watched(message: Message) -> None:
            held.append(message)
            # The head waits for the first piece of the file, which may be gone by then; a 500 for what it was made of.
            if message["type"] != "http.response.start" and held[0].get("status") != 500:
                await release()

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if not _is_of_a_file_that_is_gone(error):
                await release()
                raise
            if not is_begun:
                await send_problem(Problem(Kind.NOT_FOUND, "this sound is gone: they are not kept"), send)
        else:
            await release()


def _in_our_words(send: Send) -> Send:
    """Tells of an address that is none as the service does; Gradio, which stands behind it, has an error of its own."""
    is_told = False

    async def told(message: Message) -> None:
        nonlocal is_told
        if message["type"] == "http.response.start" and message["status"] == HTTPStatus.NOT_FOUND:
            is_told = True
            await send_problem(Problem(Kind.NOT_FOUND, "there is no such address"), send)
        elif not is_told:
            await send(message)

    return told


def _is_of_a_file_that_is_gone(error: Exception) -> bool:
    """Starlette's own where it looks for the file, the system's where it opens it."""
    if isinstance(error, RuntimeError):
        return str(error).endswith("does not exist.")
    return isinstance(error, FileNotFoundError)


def is_asked_for(path: str) -> bool:
    """Whether the page, or the service, may be asked for it."""
    if not path.startswith(_API):
        return not path.startswith(_CLOSED)
    rest = path.removeprefix(_API)
    return rest.rstrip("/") in _ASKED or rest.startswith(_ASKED_BELOW)
