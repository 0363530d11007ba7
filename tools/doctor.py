"""Prints what a bug report needs: `make doctor`. Needs Python alone, since what is broken may be .venv."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_SHOWN = (
    "dvc",
    "tensorflow",
    "keras",
    "tensorflow-decision-forests",
    "ydf",
    "onnxruntime",
    "numpy",
    "numba",
    "librosa",
)


def main() -> None:
    for name, value in findings(ROOT):
        print(f"{name + ':':<12}{value}")


def findings(root: Path) -> Iterator[tuple[str, str]]:
    """What there is to say of the project in `root` and of this machine, as (name, value)."""
    yield "commit", commit(root)
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}"
    yield "processor", f"{processor()}, {os.cpu_count()} cores"
    yield "memory", memory()
    yield "disk here", disk(root)
    store = os.path.expanduser(os.environ.get("VOICETRAITS_CACHE", ""))  # noqa: PTH111 (no home may be known)
    yield "work store", f"{store}, {disk(Path(store))}" if store else "in the user's cache folder"
    yield "packages", packages((root / "requirements.txt").read_text(encoding="utf-8"))
    yield "releases", ", ".join(f"{name} {found}" for name in _SHOWN if (found := installed(name))) or "none"
    yield "dvc remote", output(["dvc", "remote", "list"], root) or "none"
    yield "microphone", microphone()


def commit(root: Path) -> str:
    """The commit, and whether files differ from it."""
    head = output(["git", "log", "-1", "--format=%h of %cs"], root)
    if not head:
        return "none: git is missing, or this is no clone"
    changed = len(output(["git", "status", "--porcelain"], root).splitlines())
    return f"{head}, {changed} files changed since" if changed else head


def processor() -> str:
    """The processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else None
    return found[1] if found else output(["sysctl", "-n", "machdep.cpu.brand_string"], ROOT) or platform.processor()


def memory() -> str:
    """Of the whole machine."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    except (ValueError, OSError):
        return "unknown"


def disk(folder: Path) -> str:
    """Room where a folder is or would be."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(existing)
    return f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB free"


def packages(requirements: str) -> str:
    """Whether what is installed is what requirements.txt pins; pins for some systems only are not missed."""
    other, missing, right = [], [], 0
    for line in requirements.splitlines():
        if not (pin := re.match(r"([\w.-]+)==([^\s;]+)\s*(;.*)?$", line)):
            continue
        found = installed(pin[1])
        if found == pin[2]:
            right += 1
        elif pin[3]:
            continue
        elif found:
            other.append(f"{pin[1]} is {found}, pinned {pin[2]}")
        else:
            missing.append(f"{pin[1]} is missing")
    wrong = missing + other
    return f"{right} as pinned" + (f"; {'; '.join(wrong)} (`make install` mends that)" if wrong else "")


def installed(name: str) -> str | None:
    """Its release."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def microphone() -> str:
    """Which one `predict.py --record` would listen to."""
    try:
        import sounddevice
    except ImportError:
        return "sounddevice is not installed (pip install sounddevice)"
    except OSError as error:
        return f"sounddevice finds no PortAudio ({error})"
    try:
        return str(sounddevice.query_devices(kind="input")["name"])
    except (sounddevice.PortAudioError, ValueError) as error:
        return f"none ({error})"


def output(command: list[str], folder: Path) -> str:
    """What a command prints, less blank ends; nothing where it fails or is missing."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    main()
