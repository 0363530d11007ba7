"""Prints a Markdown table of what women and men have of each feature, over the speakers of the last run.

python tools/feature_ranges.py [feature …]    (from the project's root, after `dvc repro`; all features by default)
"""

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from voicetraits import stage
from voicetraits.errors import DataError
from voicetraits.features.table import read_features

SHARES = (0.1, 0.5, 0.9)


def main() -> None:
    features = read_features(Path("data/features"))
    names = sys.argv[1:] or list(features.names)
    if unknown := [name for name in names if name not in features.names]:
        raise DataError(f"there is no feature {unknown[0]!r}; src/voicetraits/features/README.md lists them")
    people = pd.read_parquet("data/metadata.parquet", columns=["utterance_id", "speaker_id", "gender"])
    print("\n".join(table(features.values[names], people.dropna(subset="gender"))))


def table(values: pd.DataFrame, people: pd.DataFrame) -> list[str]:
    """Median over speakers and, in brackets, the middle 80 % of them; a speaker counts with the median of their clips.

    Args:
        values: (clips, features), indexed by utterance_id.
        people: utterance_id, speaker_id, gender.
    """
    speakers = people.join(values, on="utterance_id").groupby(["gender", "speaker_id"])[list(values)].median()
    counts = speakers.groupby("gender").size()
    quantiles = speakers.groupby("gender").quantile(list(SHARES))
    heads = [f"{gender} ({counts[gender]})" for gender in counts.index]
    lines = ["| feature | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    for name in values:
        cells = []
        for gender in counts.index:
            low, median, high = quantiles.loc[gender, name]
            cells.append(f"{_plain(median)} ({_plain(low)} – {_plain(high)})")
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return lines


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    stage.run(main)
