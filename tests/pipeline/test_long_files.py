"""A recording of ten hours on a machine with little memory."""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from support.dvc_project import DvcProject
from voicetraits.bench.project import watched

RATE_HZ, LONG_HOURS, MOST_MEGABYTES = 16_000, 10, 500


@pytest.mark.slow
def test_ten_hours_fit_into_500_megabytes(finished: DvcProject, tmp_path: Path) -> None:
    """A quarter of an hour first, for what any file needs; what one more hour takes, the others take as well."""
    table = pq.read_table(finished.folder / "data/audio/part-0000.parquet", columns=["samples"])
    speech = np.concatenate([samples.values.to_numpy() for samples in table["samples"]])
    path, peaks = tmp_path / "long.flac", []
    for hours in (0.25, 1.25):
        with soundfile.SoundFile(path, "w", RATE_HZ, 1, format="FLAC") as file:
            left = round(hours * 3600 * RATE_HZ)
            while left:
                part = speech[:left]
                file.write(part)
                left -= len(part)
        command = [sys.executable, "src/predict.py", str(path), "--model", "tfdf", "--segments", "--format", "csv"]
        peaks.append(watched(command, finished.folder, finished.env).peak_megabytes)
    first, second = peaks
    assert second + (LONG_HOURS - 1.25) * max(0, second - first) < MOST_MEGABYTES, peaks
