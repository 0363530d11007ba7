"""What a corpus is to the rest: something that lists archives and fetches them. One file each under corpora/."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from voicetraits.parallel import Workers
from voicetraits.store import Store

#: Bytes that all stages together put on the disk for each byte of an archive, with one net, a quarter of the speakers
#: tested and all conditions of stress. Measured on 1.8 h of speech: 138 MB of archives, 122 MB of audio shards, 56 MB
#: of features, 344 MB of what a net sees, 644 MB of what models see under stress make 9.5, each once, as the store, the
#: workspace and DVC's cache hold links to the same files. The rest is for models, and for what is written before the
#: old is removed. With folds, where everyone is tested, it would be some 24: that is reckoned.
SPACE_FACTOR = 10.0
#: How the names of archives end, in lower case.
ARCHIVE_SUFFIXES = (".tgz", ".tar.gz")


@dataclass(frozen=True)
class Archive:
    """One archive that a corpus offers.

    Attributes:
        name: file name, unique in the corpus (`Aaron-20080318-kdl.tgz`).
        source: where it comes from (a URL, a path, `demo`).
        bytes: its size where the corpus can tell, exactly or about; None where only a fetch would tell.
        version: changes when the source has another file under this name (such as the time of its last change); empty
            where the source does not tell.
        space_factor: bytes that all stages put on the disk for each of its own.
    """

    name: str
    source: str
    bytes: int | None
    version: str = ""
    space_factor: float = SPACE_FACTOR


@dataclass(frozen=True)
class Fetched:
    """One archive as a finished, checked file (`path`), or the reason why it cannot be had (`failure`)."""

    archive: Archive
    path: Path | None = None
    sha256: str | None = None
    failure: str | None = None


class Corpus(Protocol):
    """Anything that lists archives and fetches them into the store."""

    limit: int | None
    max_failed_share: float

    @property
    def left_out(self) -> Mapping[str, int]:
        """What `list_archives` found and does not offer: kind (`speakers_beyond_genders`), count."""

    def list_archives(self) -> list[Archive]:
        """Every archive that the source offers, in any order. Raises DataError where the source cannot be reached."""

    def is_stored(self, archive: Archive, store: Store) -> bool:
        """Whether a fetch of this archive would cost nothing, because the store has it."""

    def fetch(self, archives: Sequence[Archive], *, store: Store, workers: Workers | int | None) -> Iterator[Fetched]:
        """Fetch the archives into the store, in any order, one `Fetched` for each."""


def archive_stem(name: str) -> str:
    """An archive's file name without what only tells its packing: `a` for `a.tgz` and `a.tar.gz`."""
    suffix = next((suffix for suffix in ARCHIVE_SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]


def selection_order(archive_name: str) -> str:
    """Sort key of archives, a hash of the name: in this order a larger `limit` only adds, a smaller only removes."""
    return sha256(archive_name.encode()).hexdigest()
