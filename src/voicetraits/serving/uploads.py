"""Where the page's uploads lie until they are answered: a folder of this process, of which nothing is left."""

import errno
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

_PREFIX = "voicetraits-uploads-"


def make_folder() -> Path:
    """A new folder that only this user may read; folders of servers that were killed are removed."""
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob(f"{_PREFIX}*"):
        found = re.match(rf"{_PREFIX}(\d+)-", folder.name)
        if found and folder.stat().st_uid == os.getuid() and not _is_alive(int(found[1])):
            shutil.rmtree(folder, ignore_errors=True)  # another server may be removing it as well
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))


def take(path: Path, folder: Path) -> bytes:
    """Read an upload, and remove it with whatever Gradio wrote beside it.

    Raises:
        FileNotFoundError: it is gone, is no plain file, or lies outside the folder, links followed.
    """
    if not is_within(path, folder) or not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "no upload", str(path))
    path, folder = path.resolve(), folder.resolve()
    try:
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path leads to what lies in a folder, links followed."""
    return folder.resolve() in path.resolve().parents


def remove_old(folder: Path, seconds: float) -> None:
    """Remove uploads that nobody asked about, and those that broke off."""
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder comes before it
        try:
            if time.time() - path.stat().st_mtime > seconds:
                path.rmdir() if path.is_dir() else path.unlink()
        except OSError:  # gone, or filled again
            continue


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
