"""Runs the server until somebody ends it."""

import socket
from contextlib import closing

import uvicorn

from voicetraits.errors import DataError
from voicetraits.serving.app import app_of
from voicetraits.serving.engine import Engine
from voicetraits.serving.head_limit import HeadLimit
from voicetraits.serving.settings import Settings
from voicetraits.serving.training_set import read_training_set

#: Requests that may go on after Ctrl-C.
_LAST_SECONDS = 5
#: Of clients, all of which may be slow; more get 503. Half of the files that a process may mostly have open.
_MOST_CONNECTIONS = 512


def run(settings: Settings) -> None:
    """Serve; returns when the process is told to end.

    Raises:
        DataError: the address cannot be had, or dvc.lock above the models is damaged.
        ModelError: there is no model, or a worker does not start.
    """
    with closing(_listen(settings)) as listener, closing(_engine_of(settings)) as engine:
        app = app_of(engine)
        engine.wait_until_ready()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        what = "page, service at /v1/predict" if settings.page else "service at /v1/predict"
        print(f"http://{host}:{settings.port}/ ({what}, its description at /docs); Ctrl-C ends it", flush=True)
        # No access log: addresses are the only thing of a user's that it would hold.
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=_LAST_SECONDS, server_header=False,
            limit_concurrency=_MOST_CONNECTIONS, http=HeadLimit,
        )  # fmt: skip
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            return  # that is how it ends


def _engine_of(settings: Settings) -> Engine:
    return Engine(settings, read_training_set(settings.models))


def _listen(settings: Settings) -> socket.socket:
    """Before anything is loaded: a port that is taken is said at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise DataError(
            f"cannot listen at {settings.host}, port {settings.port} ({error.strerror or error}); choose another "
            f"--port or --host"
        ) from None
    return listener
