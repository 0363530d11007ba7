"""A file on its way from elsewhere: what is there of it, what it is a part of, and whether it is whole."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from isal import igzip, isal_zlib

from voicetraits.files import written_aside

#: What the header of a tar's first member has at its byte 257.
_TAR_MAGIC = b"ustar"
_TAR_MAGIC_END = 257 + len(_TAR_MAGIC)


@dataclass(frozen=True)
class Version:
    """Which version of the server's file a partial file is a part of: its validator and its length, where known."""

    validator: str | None
    bytes: int | None


class PartialFile:
    """A file that is being downloaded. A note beside it tells a later run what it is a part of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(path.name + ".json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def version(self) -> Version | None:
        try:
            return Version(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):  # no note, or half a note: then it is a part of nothing known
            return None

    def begin(self, version: Version) -> None:
        """Drop what is there; what is written from now on is a part of `version`."""
        self.forget()
        with written_aside(self._note) as aside:
            aside.write_text(json.dumps(asdict(version)))

    def end(self) -> None:
        """Note that nothing is missing, so that a later run need not ask."""
        version = replace(self.version or Version(None, None), bytes=self.size)
        with written_aside(self._note) as aside:
            aside.write_text(json.dumps(asdict(version)))

    def forget(self) -> None:
        """Remove the file, then the note: a file without its note is never trusted."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def gzip_problem(path: Path) -> str | None:
    """What is wrong with the gzip file of an archive, found by unpacking all of it; None if nothing is."""
    if path.stat().st_size == 0:
        return "the file is empty"
    try:
        with igzip.open(path) as file:
            if _is_page(file.read(_TAR_MAGIC_END)):
                return "an HTML page is in the archive's place, compressed"
            while file.read(2**20):
                pass
    except (EOFError, isal_zlib.error, igzip.BadGzipFile) as error:
        return f"not a whole gzip file: {error}"
    return None


def _is_page(begin: bytes) -> bool:
    """Whether unpacked bytes begin as an HTML page does, and are no tar whose first name does."""
    return begin.lstrip()[:1] == b"<" and not begin.endswith(_TAR_MAGIC)
