"""Recordings of what is no speech, such as music: excerpts of the files in a folder that has a folder for each kind."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from voicetraits.audio import SAMPLE_RATE_HZ
from voicetraits.bench.speech import as_float, spread
from voicetraits.errors import DataError
from voicetraits.inference.asked import expand
from voicetraits.inference.sound import blocks_of

_SECONDS = 8.0
#: Where an excerpt of a file begins, as a share of what can come before one. One that is hardly longer has one.
_PLACES = (0.25, 0.5, 0.75)


def kinds_of(folder: Path) -> dict[str, list[Path]]:
    """Files of sound by kind, the name of the folder that they are in or below.

    Raises:
        DataError: `folder` is none, or holds no folder of files of sound.
    """
    below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    kinds = {kind.name: [Path(path) for path in expand([str(kind)]) if Path(path).is_file()] for kind in below}
    kinds = {kind: files for kind, files in kinds.items() if files}
    if not kinds:
        raise DataError(f"{folder} has no folder with sound files, one for each kind of sound, such as {folder}/music")
    return kinds


def excerpts_of(files: Sequence[Path], count: int) -> list[np.ndarray]:
    """Up to `count` excerpts of 8 s, spread over the files; of shorter ones the whole: each (n,) float32, 16 kHz.

    Raises:
        DataError: a file cannot be read.
    """
    excerpts = []
    for path in spread(files, count):
        samples = as_float(_read(path))
        room = len(samples) - round(_SECONDS * SAMPLE_RATE_HZ)
        starts = [round(share * room) for share in _PLACES] if room > len(_PLACES) * _SECONDS * SAMPLE_RATE_HZ else [0]
        excerpts += [samples[start : start + round(_SECONDS * SAMPLE_RATE_HZ)].copy() for start in starts]
    return spread(excerpts, count)


def _read(path: Path) -> np.ndarray:
    try:
        return np.concatenate(list(blocks_of(path)))
    except DataError as error:
        raise DataError(f"{path}: {error}; take it out of the folder") from None
