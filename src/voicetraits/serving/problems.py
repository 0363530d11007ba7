"""Why a request gets no answer: what HTTP, the page and the figures say of it."""

from enum import StrEnum


class Kind(StrEnum):
    """Of a problem; each has one HTTP status."""

    MALFORMED = "malformed"
    UNAUTHORISED = "unauthorised"
    WRONG_HOST = "wrong_host"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_SLOW_UPLOAD = "too_slow_upload"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    NOT_AUDIO = "not_audio"
    UNREADABLE = "unreadable"
    BUSY = "busy"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    UNAVAILABLE = "unavailable"


STATUS = {
    Kind.MALFORMED: 422,
    Kind.UNAUTHORISED: 401,
    Kind.WRONG_HOST: 421,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.TOO_SLOW_UPLOAD: 408,
    Kind.TOO_LARGE: 413,
    Kind.TOO_LONG: 413,
    Kind.NOT_AUDIO: 415,
    Kind.UNREADABLE: 422,
    Kind.BUSY: 429,
    Kind.FAILED: 500,
    Kind.TIMED_OUT: 503,
    Kind.CRASHED: 503,
    Kind.UNAVAILABLE: 503,
}
#: After so many seconds a client that was turned away may come again.
RETRY_AFTER_SECONDS = 1


class Problem(Exception):
    """A request that gets no answer.

    Attributes:
        kind: which.
        reason: one line: what is wrong, what is allowed.
    """

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason

    @property
    def status(self) -> int:
        """Of HTTP."""
        return STATUS[self.kind]

    @property
    def headers(self) -> dict[str, str]:
        """That HTTP asks for with this status."""
        if self.kind == Kind.UNAUTHORISED:
            return {"WWW-Authenticate": "Bearer"}
        return {"Retry-After": str(RETRY_AFTER_SECONDS)} if self.kind == Kind.BUSY else {}

    def as_dict(self) -> dict[str, str]:
        """The body of the response, as schemas.ErrorBody."""
        return {"error": str(self.kind), "reason": self.reason}
