"""What may be set about the service, and what must not be."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from voicetraits.errors import ParameterError

#: A shorter token can be guessed.
_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Settings:
    """Of one server.

    Attributes:
        models: a folder of kinds of models (`data/models`), or of one kind (`data/models/tfdf`).
        host, port: where it listens.
        token: what a client must show; None where anybody may ask, which is for this machine alone.
        page: whether there is a page beside the service.
        workers: processes that decode and predict.
        concurrent: requests that are worked on or wait for a worker, and as many files that are being sent to the
            page; one more is told to come again.
        max_body_bytes: of a request.
        max_audio_seconds: of a sound.
        upload_seconds: that a body may take to arrive.
        work_seconds: that decoding and predicting may take before the worker is stopped.

    Raises:
        ParameterError: it would serve others than this machine without a token, or with one that can be guessed.
    """

    models: Path
    host: str = "127.0.0.1"
    port: int = 7860
    token: str | None = None
    page: bool = True
    workers: int = 2
    concurrent: int = 8
    # An hour of radio, even as a wav file of 16 kHz, and time for a slow machine to answer it.
    max_body_bytes: int = 128 << 20
    max_audio_seconds: float = 4000.0
    upload_seconds: float = 60.0
    work_seconds: float = 120.0

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise ParameterError(
                f"--host {self.host} lets other machines in, and there is no token; set VOICETRAITS_TOKEN to one of "
                f"{_SHORTEST_TOKEN} characters or more, or leave --host at 127.0.0.1"
            )
        if self.token is not None and (len(self.token) < _SHORTEST_TOKEN or not self.token.isascii()):
            raise ParameterError(
                f"VOICETRAITS_TOKEN has {len(self.token)} characters; allowed are {_SHORTEST_TOKEN} or more, all ASCII "
                f"(`openssl rand -hex 24` makes one)"
            )


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, which no other machine reaches."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name, and where it leads may change
        return False
