"""Prints a Markdown table of how the voice features agree with Praat and openSMILE on a folder of VoxForge archives.

    python tools/voice_errors.py <folder> [clips per archive]

Needs the test-only packages praat-parselmouth and opensmile.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support.comparison import HEADER, compare  # noqa: E402
from support.voice import mirror_clips  # noqa: E402


def main() -> None:
    if len(sys.argv) not in (2, 3) or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python tools/voice_errors.py <folder of .tgz archives> [clips per archive]")
    per_archive = int(sys.argv[2]) if len(sys.argv) == 3 else 1
    agreements = compare(clip for _, clip in mirror_clips(Path(sys.argv[1]), per_archive))
    print(HEADER)
    for agreement in agreements.values():
        print(agreement.row)


if __name__ == "__main__":
    main()
