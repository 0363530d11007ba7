"""Builds small VoxForge-like archives, sound ones and hostile ones, and folders of them as scrape leaves them."""

import csv
import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16000


def tone(seconds: float, frequency_hz: float = 220.0, *, rate_hz: int = RATE_HZ, level: float = 0.3) -> np.ndarray:
    """A sine, float, mono."""
    return level * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)


def audio_bytes(samples: np.ndarray, rate_hz: int = RATE_HZ, *, container: str = "WAV", width: str = "PCM_16") -> bytes:
    """An audio file; samples are [n] or [n, channels], int16 or float."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=container, subtype=width)
    return file.getvalue()


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A tar member; `fields` are attributes of its header, such as `type` and `linkname`."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def tar(members: Iterable[tuple[tarfile.TarInfo, bytes]], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of these members, unpacked."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def tgz(members: Iterable[tuple[tarfile.TarInfo, bytes]], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A .tgz of these members; the same members, the same bytes."""
    return gzip.compress(tar(members, form=form), compresslevel=1, mtime=0)


def texts(name: str, utterances: Iterable[str]) -> list[tuple[tarfile.TarInfo, bytes]]:
    """The text files of a submission."""
    utterances = list(utterances)
    prompts = "".join(f"{name}/mfc/{utterance} THE WORDS OF IT\n" for utterance in utterances)
    original = "".join(f"{utterance} The words of it.\n" for utterance in utterances)
    return [
        member(f"{name}/etc/README", f"User Name:{name.split('-')[0]}\n\nGender: Male\nAge Range: Adult\n".encode()),
        member(f"{name}/etc/PROMPTS", prompts.encode()),
        member(f"{name}/etc/prompts-original", original.encode()),
        member(f"{name}/etc/HVite_log", b"nothing that anybody reads\n"),
        member(f"{name}/LICENSE", b"Free for all.\n"),
    ]


def submission(name: str, clips: int = 3, *, seconds: float = 0.6) -> bytes:
    """A sound .tgz: texts and `clips` tones of different pitch, `a0000.wav` and so on."""
    utterances = [f"a{number:04d}" for number in range(clips)]
    pitch = int(sha256(name.encode()).hexdigest()[:2], 16)
    clips_hz = {utterance: 100 + pitch + 50 * number for number, utterance in enumerate(utterances)}
    audio = [
        member(f"{name}/wav/{utterance}.wav", audio_bytes(tone(seconds, hz))) for utterance, hz in clips_hz.items()
    ]
    return tgz([*texts(name, utterances), *audio])


def write_raw(folder: Path, archives: Mapping[str, bytes]) -> Path:
    """A folder as scrape leaves it: the archives (by file name) and their manifest.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in archives.items():
        (folder / name).write_bytes(content)
    with open(folder / "manifest.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["name", "source", "bytes", "sha256"])
        for name in sorted(archives):
            rows.writerow([name, "test", len(archives[name]), sha256(archives[name]).hexdigest()])
    return folder
