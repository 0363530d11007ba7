"""Fetches pages and files over HTTP: polite to the server, patient with its faults, and resumable after a kill.

The rules are those of RFC 9110: validators (section 8.8), Retry-After (10.2.3), If-Range (13.1.5), Range (14).
"""

import queue
import random
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from time import monotonic
from typing import TypeVar
from urllib.parse import urljoin

import requests
import urllib3

from voicetraits.errors import DataError
from voicetraits.index_page import is_below
from voicetraits.partial import PartialFile, Version, gzip_problem

T = TypeVar("T")

USER_AGENT = f"voicetraits (downloads a speech corpus once) {requests.utils.default_user_agent()}"
FIRST_PAUSE_SECONDS = 1.0  # between two attempts; doubled each time
LONGEST_PAUSE_SECONDS = 600.0  # a server that asks for more is left alone for good
RETRIES_WITHOUT_SERVER = 2
# An answer that never ends is given up: slower on average than this after so long, or longer than an hour.
SLOWEST_BYTES_PER_SECOND = 1000
SLOW_START_SECONDS = 60.0
LONGEST_ANSWER_SECONDS = 3600.0
LARGEST_UNANNOUNCED_BYTES = 4 * 10**9  # of a file whose length the server does not tell
LARGEST_PAGE_BYTES = 10**8
MOST_REDIRECTS = 5
CHUNK_BYTES = 2**16
GZIP_MAGIC = b"\x1f\x8b"


class CannotFetchError(DataError):
    """Something that cannot be had from the server; the message says why."""


class NoServerError(CannotFetchError):
    """As above, because no server answers at all."""


class StoppedError(Exception):
    """Raised in a thread that was told to stop."""


class _PassingError(Exception):
    """A failure that may pass, and for how many seconds the server asks to be left alone."""

    def __init__(self, reason: str, *, after_seconds: float = 0.0, no_server: bool = False) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds
        self.no_server = no_server


@dataclass(frozen=True)
class Page:
    """An index page: its address after redirects, its bytes, and the encoding that the server named."""

    url: str
    content: bytes
    charset: str | None


class Client:
    """Talks to one server, from any number of threads.

    Args:
        address: the folder or its index page; a redirect that leads out of the folder is refused.
        connect_timeout_seconds: longest wait for a connection.
        read_timeout_seconds: longest wait for the next bytes of an answer.
        retries: how often a failed request is tried again.
        delay_seconds: pause of each thread before a request.
        may_leave_folder: whether redirects may lead anywhere (from https only to https), as those of a single file that
            was asked for by its name may; never where the address has a password.

    Raises:
        CannotFetchError: the address is none.
    """

    def __init__(
        self,
        address: str,
        *,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
        retries: int,
        delay_seconds: float,
        may_leave_folder: bool = False,
    ) -> None:
        try:
            self.address = requests.utils.urldefragauth(address)
            self._auth = requests.utils.get_auth_from_url(address)
        except ValueError:  # its text may hold a password
            raise CannotFetchError("it is no web address") from None
        self._may_leave_folder = may_leave_folder and not any(self._auth)
        self._timeouts = (connect_timeout_seconds, read_timeout_seconds)
        self._retries = retries
        self._delay_seconds = delay_seconds
        self._of_thread = threading.local()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._not_before = 0.0  # on the clock of monotonic()
        self._unended_page: bytes | None = None  # what the last attempt had of a page that nothing says is whole

    def stop(self) -> None:
        """Let every thread that waits or reads here end soon, with StoppedError."""
        self._stop.set()

    def index_page(self) -> Page:
        """The page at the address. Redirects may have led to another one, which is the address from then on.

        Raises:
            CannotFetchError: the server gives no page.
        """
        page = self._persevere(self._index_page_once, RETRIES_WITHOUT_SERVER)
        self.address = page.url
        return page

    def size(self, url: str) -> int | None:
        """How many bytes a file has, as the server tells without sending it; None where it does not."""
        try:
            with self._ask("HEAD", url) as response:
                return _content_length(response) if response.status_code == 200 else None
        except (CannotFetchError, _PassingError):
            return None  # only the announcement gets less exact

    def archive(self, url: str, part: PartialFile) -> None:
        """Bring a gzip file to `part`, going on with what an earlier run left there; check its length and content.

        Raises:
            CannotFetchError: the file cannot be had, or is damaged.
            OSError: `part` cannot be written (a full disk).
        """
        self._persevere(lambda: self._archive_once(url, part), self._retries)

    def _persevere(self, attempt: Callable[[], T], retries_without_server: int) -> T:
        """The result of `attempt`, made again with growing pauses while it fails in a way that may pass."""
        failures = 0
        while True:
            try:
                return attempt()
            except _PassingError as error:
                failures += 1
                if error.after_seconds > LONGEST_PAUSE_SECONDS:
                    raise CannotFetchError(f"{error}; asks to be left alone for {error.after_seconds:.0f} s") from None
                if failures > min(self._retries, retries_without_server if error.no_server else self._retries):
                    kind = NoServerError if error.no_server else CannotFetchError
                    raise kind(f"{error} (tried {failures} times)" if failures > 1 else str(error)) from None
                with self._lock:  # the server means all threads
                    self._not_before = max(self._not_before, monotonic() + error.after_seconds)
            # Jitter, so that clients that failed together don't come back together.
            pause = FIRST_PAUSE_SECONDS * 2 ** (failures - 1) * random.uniform(0.5, 1.5)
            self._wait(min(pause, LONGEST_PAUSE_SECONDS))

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(max(0.0, seconds)):
            raise StoppedError

    def _index_page_once(self) -> Page:
        with self._ask("GET", self.address) as response:
            _require(response, 200)
            kind = response.headers.get("Content-Type", "")
            if kind and not re.match(r"text/|application/xhtml", kind, re.IGNORECASE):
                raise CannotFetchError(f"this is no index page but {kind}")
            sent = b"".join(self._body(response, LARGEST_PAGE_BYTES))
            length = _content_length(response)
            # Where neither a length nor chunks tell the end of a page, only the page itself can.
            content = _decompressed(sent, response.headers.get("Content-Encoding", ""))
            if length is None and not _is_chunked(response):
                is_whole = b"<html" not in content[:1000].lower() or b"</html" in content.lower()
                is_as_before, self._unended_page = content == self._unended_page, content
            else:
                is_whole, is_as_before = length in (None, len(sent)), False
            if not is_whole and not is_as_before:
                raise _PassingError("the index page broke off")
            charset = re.search(r"charset=[\"']?([\w.:-]+)", kind, re.IGNORECASE)
            return Page(response.url, content, charset[1] if charset else None)

    def _archive_once(self, url: str, part: PartialFile) -> None:
        version, in_one_piece = part.version, False
        if version is None or not part.size or part.size != version.bytes:
            in_one_piece = self._transfer(url, part)
        problem = gzip_problem(part.path)
        if problem:
            part.forget()
            # A file that came in one piece and in its full length is damaged on the server.
            raise (CannotFetchError if in_one_piece else _PassingError)(problem)

    def _transfer(self, url: str, part: PartialFile) -> bool:
        """Bring what is missing of a file; whether it came in one piece and in the length that the server told."""
        version = part.version
        have = part.size if version and version.validator else 0
        headers = {"Range": f"bytes={have}-", "If-Range": version.validator} if have else {}
        with self._ask("GET", url, headers) as response:
            goes_on = have > 0 and response.status_code in (206, 416)
            if goes_on and not _continues(response, version, have):
                part.forget()
                raise _PassingError("the server sent another part than the one asked for")
            if not goes_on:
                _require(response, 200)
                version, have = Version(_validator(response), _content_length(response)), 0
            body = self._body(response, (LARGEST_UNANNOUNCED_BYTES if version.bytes is None else version.bytes) - have)
            first = next(body, b"")
            if not goes_on:
                # Before what is there is dropped for it.
                _require_gzip(first, version)
                part.begin(version)
            with open(part.path, "ab") as file:
                file.write(first)
                for chunk in body:
                    file.write(chunk)
        if version.bytes is None:
            part.end()
        elif part.size < version.bytes:
            raise _PassingError(f"the connection broke off after {part.size} of {version.bytes} bytes")
        return not goes_on and version.bytes is not None

    def _ask(self, method: str, url: str, headers: dict[str, str] | None = None) -> requests.Response:
        """The head of an answer, with the body still to be read, after redirects that stay in the folder."""
        for _ in range(MOST_REDIRECTS + 1):
            self._wait(max(self._delay_seconds, self._not_before - monotonic()))
            response = self._ask_once(method, url, headers or {})
            target = self._session.get_redirect_target(response)
            if target is None:
                break
            response.close()
            try:
                target = urljoin(url, target)
            except ValueError as error:
                raise CannotFetchError(f"the server redirects to what is no address ({error})") from None
            if not is_below(target, self.address) and not self.may_go_to(target):
                raise CannotFetchError(f"the server redirects to {target}, which is not below {self.address}")
            url = target
        else:
            raise CannotFetchError(f"the server redirects more than {MOST_REDIRECTS} times")
        if response.status_code in (408, 429) or response.status_code >= 500:
            response.close()
            raise _PassingError(_status(response), after_seconds=_retry_after_seconds(response))
        return response

    def may_go_to(self, target: str) -> bool:
        """Whether a redirect out of the folder may be followed."""
        schemes = ("https://",) if self.address.startswith("https://") else ("http://", "https://")
        return self._may_leave_folder and target.startswith(schemes)

    def _ask_once(self, method: str, url: str, headers: dict[str, str]) -> requests.Response:
        session, (connect, read) = self._session, self._timeouts

        def request() -> requests.Response:
            return session.request(
                method, url, headers=headers, timeout=self._timeouts, stream=True, allow_redirects=False
            )

        try:
            # The time-outs hold for each read from the network, of which a trickling head of an answer takes many; and
            # a look-up of the host's name has none.
            return _within(2 * (connect + read), request)
        except TimeoutError:
            del self._of_thread.session  # its connection is still in use
            raise _PassingError(f"no complete answer within {2 * (connect + read):g} s") from None
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                raise _PassingError(_root_reason(error)) from None
            raise CannotFetchError(
                f"the server's certificate is not trusted ({_root_reason(error)}); if your network has certificates of "
                f"its own, name their file in the environment variable REQUESTS_CA_BUNDLE"
            ) from None
        except requests.exceptions.ProxyError as error:
            raise _PassingError(f"the proxy gives no connection ({_root_reason(error)})", no_server=True) from None
        except requests.exceptions.ConnectTimeout:
            raise _PassingError(f"no connection within {connect:g} s", no_server=True) from None
        except requests.exceptions.ReadTimeout:
            raise _PassingError(f"no answer within {read:g} s") from None
        except requests.exceptions.ConnectionError as error:
            cause = getattr(error.args[0], "reason", None) if error.args else None
            unconnected = isinstance(cause, urllib3.exceptions.NewConnectionError)  # as when a name has no address
            raise _PassingError(_root_reason(error), no_server=unconnected) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise CannotFetchError(_root_reason(error)) from None

    @property
    def _session(self) -> requests.Session:
        """This thread's session: requests does not promise that threads may share one."""
        if not hasattr(self._of_thread, "session"):
            session = self._of_thread.session = requests.Session()
            session.headers["User-Agent"] = USER_AGENT
            # Lengths and ranges are those of the file itself.
            session.headers["Accept-Encoding"] = "identity"
            session.auth = self._auth if any(self._auth) else None
        return self._of_thread.session

    def _body(self, response: requests.Response, most_bytes: int) -> Iterator[bytes]:
        """The bytes of an answer as they come in, never decoded: many servers give .tgz a Content-Encoding."""
        started, received = monotonic(), 0
        while True:
            try:
                # Not requests' iter_content: it waits until a whole chunk is there, which with a trickle is for ever.
                chunk = response.raw.read1(CHUNK_BYTES, decode_content=False)
            except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
                raise _PassingError(f"the connection broke off ({_root_reason(error)})") from None
            if self._stop.is_set():
                raise StoppedError
            if not chunk:
                return
            received += len(chunk)
            seconds = monotonic() - started
            too_slow = seconds > SLOW_START_SECONDS and received < seconds * SLOWEST_BYTES_PER_SECOND
            if too_slow or seconds > LONGEST_ANSWER_SECONDS:
                raise _PassingError(f"too slow: {received} bytes in {seconds:.0f} s")
            if received > most_bytes:
                raise CannotFetchError(f"the server sends more than {most_bytes} bytes")
            yield chunk


def _require(response: requests.Response, status: int) -> None:
    if response.status_code != status:
        raise CannotFetchError(_status(response))


def _require_gzip(first: bytes, version: Version) -> None:
    if not first:
        raise (CannotFetchError if version.bytes == 0 else _PassingError)("the server sent an empty file")
    if not GZIP_MAGIC.startswith(first[: len(GZIP_MAGIC)]):
        what = "an HTML page" if first.lstrip()[:1] == b"<" else "something else"
        raise CannotFetchError(f"the server sent {what} in the archive's place")


def _continues(response: requests.Response, version: Version, have: int) -> bool:
    """Whether an answer to a Range request goes on exactly where the partial file ends, in the same version."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    return (
        response.status_code == 206
        and span is not None
        and int(span[1]) == have
        and (span[2] == "*" or version.bytes in (None, int(span[2])))
        and _validator(response) in (None, version.validator)
    )


def _validator(response: requests.Response) -> str | None:
    """What If-Range may name: a strong ETag, else the date of the last change; None if the server tells neither."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _is_chunked(response: requests.Response) -> bool:
    return "chunked" in response.headers.get("Transfer-Encoding", "").lower()


def _decompressed(page: bytes, encoding: str) -> bytes:
    """A page as it was before the server compressed it, though it was asked not to."""
    if encoding.strip().lower() in ("", "identity"):
        return page
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise CannotFetchError(f"the index page comes compressed as {encoding}; allowed: gzip, deflate, or not at all")
    inflated = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # of gzip's or zlib's form, as it says itself
    try:
        content = inflated.decompress(page, LARGEST_PAGE_BYTES)
    except zlib.error as error:
        raise _PassingError(f"the compressed index page is damaged ({error})") from None
    if inflated.unconsumed_tail:
        raise CannotFetchError(f"the index page is larger than {LARGEST_PAGE_BYTES} bytes")
    if not inflated.eof:
        raise _PassingError("the index page broke off")
    return content


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and "Transfer-Encoding" not in response.headers else None


def _status(response: requests.Response) -> str:
    return f"the server answered {response.status_code} {response.reason or ''}".rstrip()


def _retry_after_seconds(response: requests.Response) -> float:
    """What the server asks for, in seconds or as a date; 0 where it asks for nothing."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _root_reason(error: BaseException) -> str:
    """What the network said, without the layers of libraries around it."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def _within(seconds: float, call: Callable[[], T]) -> T:
    """`call()`; TimeoutError when it takes longer, and then it goes on in a thread that nobody waits for."""
    results: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put((call(), None))
        except Exception as error:  # raised below, in the thread that waits
            results.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error:
        raise error
    return result
