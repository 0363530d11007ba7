"""Measures how far each feature is from its oracles on real speech, and writes src/voicetraits/features/errors.csv.

    python tools/feature_errors.py <folder of VoxForge archives> [clips per archive]

Then `python src/describe_features.py` puts the figures into the table of all features. Needs the packages that are
for tests and benches only: praat-parselmouth, opensmile.
"""

import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support.comparison import compare, with_definitions, with_librosa, with_opensmile, with_praat  # noqa: E402
from support.voice import mirror_clips  # noqa: E402
from voicetraits import stage  # noqa: E402
from voicetraits.errors import DataError  # noqa: E402
from voicetraits.files import write_csv  # noqa: E402

ERRORS = ROOT / "src/voicetraits/features/errors.csv"
USAGE = "usage: python tools/feature_errors.py <folder of .tgz archives> [clips per archive, 1 or more]"


def main() -> None:
    folder, per_archive = arguments(sys.argv[1:])
    clips = (clip for _, clip in mirror_clips(folder, per_archive))
    agreements = compare(clips, [with_definitions, with_librosa, with_praat, with_opensmile])
    if not agreements:
        raise DataError(f"{folder} holds no .tgz with a usable clip; name another folder")
    write_csv(pd.DataFrame([agreements[key].row for key in sorted(agreements)]), ERRORS)
    print(f"{ERRORS.relative_to(ROOT)} is written; now `python src/describe_features.py`")


def arguments(given: list[str]) -> tuple[Path, int]:
    """Folder and clips per archive; exits with one line where they are none."""
    if len(given) not in (1, 2) or not all(one.isdigit() and int(one) for one in given[1:]):
        sys.exit(USAGE)
    folder = Path(given[0])
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; {USAGE}")
    return folder, int(given[1]) if len(given) == 2 else 1


if __name__ == "__main__":
    stage.run(main)
