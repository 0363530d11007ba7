"""A web server on loopback that does what servers do on bad days, as a test's script says, and notes every request."""

import email.utils
import os
import random
import re
import socket
import ssl
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

FOLDER = "/corpus/"
CHUNK_BYTES = 4096

#: What answers one request in the normal answer's place.
Fault = Callable[["Handler"], None]


@dataclass
class Request:
    """One request: what was asked, what was answered, and how much of the body was sent."""

    method: str
    name: str
    headers: dict[str, str]
    at: float
    status: int = 0
    sent: int = 0


@dataclass
class FaultServer:
    """Serves `files` (name: content) and their index page under `/corpus/`.

    Attributes:
        files: may be changed while the server runs; the ETag is a hash of the content.
        faults: name (`""` is the index page): what the next requests for it meet, one after another; HEAD meets none.
        etags, dates, lengths: whether answers carry ETag, Last-Modified, Content-Length.
        chunk_seconds: a pause after each CHUNK_BYTES of a body.
        requests: every request so far.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    etags: bool = True
    dates: bool = True
    lengths: bool = True
    chunk_seconds: float = 0.0
    requests: list[Request] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{FOLDER}"

    def gets(self, name: str) -> list[Request]:
        """The GET requests for a file so far."""
        return [request for request in self.requests if (request.method, request.name) == ("GET", name)]


@contextmanager
def fault_server(files: dict[str, bytes], *, certificate: Path | None = None) -> Iterator[FaultServer]:
    """A running FaultServer; with a certificate (and its key, in one file) it speaks https."""
    script = FaultServer(files=dict(files))
    handler = type("ScriptedHandler", (Handler,), {"script": script})
    server = _Server(("127.0.0.1", 0), handler)
    if certificate:
        script.scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    script.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield script
    finally:
        script.stopping.set()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):  # clients come and go as they like
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers as a well-behaved server does, unless a fault is due."""

    protocol_version = "HTTP/1.1"
    script: FaultServer

    def do_HEAD(self) -> None:
        self._note()
        self.answer_normally()

    def do_GET(self) -> None:
        self._note()
        faults = self.script.faults[self.name]
        try:
            (faults.pop(0) if faults else Handler.answer_normally)(self)
        except (BrokenPipeError, ConnectionResetError):  # the client had enough
            self.close_connection = True

    def _note(self) -> None:
        self.name = unquote(self.path.removeprefix(FOLDER))
        self.noted = Request(self.command, self.name, dict(self.headers), time.monotonic())
        self.script.requests.append(self.noted)

    @property
    def content(self) -> bytes:
        return self.script.files[self.name]

    def answer_normally(self) -> None:
        if self.path == FOLDER:
            self.send(200, index_page(self.script.files), {"Content-Type": "text/html"})
        elif self.name not in self.script.files:
            self.send(404, b"<html>not here</html>", {"Content-Type": "text/html"})
        else:
            self.send_file()

    def send_file(self, *, ranges: bool = True, sent: int | None = None) -> None:
        """The file, or the range that was asked for; `sent` bytes of it and then the connection breaks off."""
        content, headers = self.content, self.file_headers()
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, headers.get("ETag"), headers.get("Last-Modified"))
        if not (wanted and same and ranges):
            self.send(200, content, headers, sent=sent)
        elif (start := int(wanted[1])) >= len(content):
            self.send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        else:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send(206, content[start:], headers, sent=sent)

    def file_headers(self) -> dict[str, str]:
        # As Apache does for .tgz: a client that decodes it stores something else.
        headers = {"Content-Type": "application/x-tar", "Content-Encoding": "x-gzip", "Accept-Ranges": "bytes"}
        digest = sha256(self.content).hexdigest()
        if self.script.etags:
            headers["ETag"] = f'"{digest[:16]}"'
        if self.script.dates:
            headers["Last-Modified"] = email.utils.formatdate(int(digest[:6], 16), usegmt=True)
        return headers

    def send(self, status: int, body: bytes, headers: dict[str, str], *, sent: int | None = None) -> None:
        """An answer; after `sent` bytes of the body, if given, the connection breaks off."""
        self.noted.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.script.lengths or status != 200:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        for start in range(0, len(body if sent is None else body[:sent]), CHUNK_BYTES):
            self.push(body[:sent][start : start + CHUNK_BYTES])
            if self.script.stopping.wait(self.script.chunk_seconds):
                break
        if sent is not None:
            self.close_connection = True

    def push(self, data: bytes) -> None:
        self.noted.sent += len(data)  # before it is sent: the client may be faster than the next line
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def index_page(names: dict[str, bytes], time: str = "2008-03-18 12:00") -> bytes:
    """An index page in Apache's style, with a time and a size for each file."""
    rows = (
        f'<img src="/icons/compressed.gif" alt="[   ]"> <a href="{name}">{name}</a>  {time}  {len(data)}  \n'
        for name, data in sorted(names.items())
    )
    return f'<html><body><pre><a href="?C=N;O=D">Name</a><hr>{"".join(rows)}<hr></pre></body></html>'.encode()


def truncated(sent: int) -> Fault:
    """The connection ends in the middle of the body."""
    return lambda handler: handler.send_file(sent=sent)


def reset(sent: int) -> Fault:
    """The connection is reset (RST, not FIN) in the middle of the body."""

    def answer(handler: Handler) -> None:
        handler.send_file(sent=sent)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(handler.connection.detach())

    return answer


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    """Another status; in the headers' names `_` stands for `-`."""
    return lambda handler: handler.send(code, body, {name.replace("_", "-"): text for name, text in headers.items()})


def redirect(location: str) -> Fault:
    return status(302, Location=location)


def without_ranges(handler: Handler) -> None:
    """Range is ignored: the whole file with status 200."""
    handler.send_file(ranges=False)


def wrong_range(handler: Handler) -> None:
    """Another part than the one asked for."""
    content = handler.content
    handler.send(
        206, content[1:], handler.file_headers() | {"Content-Range": f"bytes 1-{len(content) - 1}/{len(content)}"}
    )


def html_page(handler: Handler) -> None:
    """A page for people with status 200 in the file's place."""
    handler.send(200, b"<!DOCTYPE html><html>We are moving house</html>", {"Content-Type": "text/html"})


def chunked(body: bytes, *, ended: bool = True) -> Fault:
    """A page of unknown length in chunks, as HTTP/1.1 has it; the last, which says that it was the last, may lack."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.close_connection = True
        for start in range(0, len(body), CHUNK_BYTES):
            chunk = body[start : start + CHUNK_BYTES]
            handler.push(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if ended:
            handler.push(b"0\r\n\r\n")

    return answer


def damaged(handler: Handler) -> None:
    """The right number of bytes, one of them wrong."""
    content = bytearray(handler.content)
    content[-5] ^= 0xFF  # of the check sum
    handler.send(200, bytes(content), handler.file_headers())


def trickle(seconds_between: float, *, length: int | None = None) -> Fault:
    """The body comes byte by byte, and goes on for ever."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        if length is not None:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.close_connection = True
        handler.push(b"\x1f\x8b")
        while not handler.script.stopping.wait(seconds_between):
            handler.push(b"\0")

    return answer


def trickling_head(seconds_between: float) -> Fault:
    """The head of the answer comes byte by byte, and goes on for ever."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not handler.script.stopping.wait(seconds_between):
            handler.wfile.write(b"x")

    return answer


def silence(handler: Handler) -> None:
    """No answer at all."""
    handler.close_connection = True
    handler.script.stopping.wait(60)


def endless(handler: Handler) -> None:
    """A body that never ends, at full speed."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    noise = random.Random(0).randbytes(2**16)
    handler.push(b"\x1f\x8b")
    while not handler.script.stopping.is_set():
        handler.push(noise)
