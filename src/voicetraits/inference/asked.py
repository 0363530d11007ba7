"""Which sounds are asked for: files, folders, globs and what comes through a pipe."""

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from voicetraits.errors import DataError

#: Says that the sound comes from standard input.
STDIN = "-"
#: Of the files in a folder that are taken to be sound; a file that is named is read whatever its name.
SUFFIXES = frozenset(
    (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64",
     ".sph", ".nist", ".voc")
)  # fmt: skip


def expand(asked: Iterable[str]) -> Iterator[str]:
    """Paths of files, each once, in the order asked for; folders and globs sorted.

    A name that is nothing stays: who opens it says so.
    """
    seen = set()
    for name in asked:
        for path in _files_of(name):
            if path not in seen:
                seen.add(path)
                yield path


def require_file(name: str) -> None:
    """Check one of `expand`'s that none of the files in it could stand for. Raises DataError."""
    if not name:
        raise DataError("an empty name; name a file, a folder or a pattern")
    if Path(name).is_dir():
        raise DataError("holds no sound files; name one, or a folder with .wav, .flac, .mp3 or the like")


def _files_of(name: str) -> list[str]:
    path = Path(name)
    if name in (STDIN, "") or path.is_file():  # an empty name is no wish for all that lies in the current folder
        return [name]
    if path.is_dir():
        return _sounds_in(path) or [name]
    found = glob.glob(name, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    return sorted(path for path in found if Path(path).is_file()) or [name]


def _sounds_in(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(
        str(path) for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
