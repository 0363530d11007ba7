"""Flips some speakers' genders at random and measures whether the audit finds them; writes a page and a table.

    python tools/flipped_labels.py <project whose graph has run> <name> [seeds]

writes metrics/results/<name>/. Speakers whom the audit suspects before anything is flipped may have a wrong label
already. They are not flipped, keep their label, count neither as found nor as false, and stand on the page.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from voicetraits import params, stage  # noqa: E402
from voicetraits.auditing.audit import AuditParams  # noqa: E402
from voicetraits.auditing.clips import Clips, labelled_clips  # noqa: E402
from voicetraits.auditing.flips import Experiment, experiment, is_pitch_free  # noqa: E402
from voicetraits.examples import read_splits  # noqa: E402
from voicetraits.features.table import read_features  # noqa: E402
from voicetraits.files import folder_anew, write_csv  # noqa: E402
from voicetraits.splitting import speaker_groups  # noqa: E402

SHARES, SEEDS = (0.03, 0.05, 0.1), 20


def main() -> None:
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: python tools/flipped_labels.py <project whose graph has run> <name> [seeds]")
    data, name = Path(sys.argv[1]) / "data", sys.argv[2]
    seeds = int(sys.argv[3]) if len(sys.argv) == 4 else SEEDS
    settings = params.get(params.load(ROOT / "params.yaml"), "audit", AuditParams)
    clips, names = read_clips(data)
    judged = {}
    for features, kept in (("all", np.ones(len(names), bool)), ("without pitch", is_pitch_free(names))):
        with threadpool_limits(1):
            judged[features, int(kept.sum())] = experiment(
                clips.with_values(clips.values[:, kept]),
                shares=SHARES,
                seeds=range(seeds),
                folds=settings.folds,
                fold_seeds=settings.fold_seeds,
                min_probability=settings.suspect_probability,
                progress=lambda tasks: tqdm(tasks, disable=None),
            )
    runs = pd.concat([one.runs.assign(features=features) for (features, _), one in judged.items()])
    with folder_anew(ROOT / "metrics/results" / name) as folder:
        write_csv(runs[["features", *runs.columns.drop("features")]], folder / "runs.csv")
        (folder / "README.md").write_text(render(name, clips, judged, seeds), encoding="utf-8")
    print((ROOT / "metrics/results" / name / "README.md").read_text(encoding="utf-8"))


def read_clips(data: Path) -> tuple[Clips, tuple[str, ...]]:
    """All clips with a gender, with all functionals, and the names of these."""
    metadata, features = pd.read_parquet(data / "metadata.parquet"), read_features(data / "features")
    groups = speaker_groups(metadata, pd.read_parquet(data / "audio/clips.parquet"))
    table, classes = labelled_clips(metadata, read_splits(data / "splits.csv"), "gender")
    return Clips.of(table, groups, features.rows(table["utterance_id"]), classes), features.names


def render(name: str, clips: Clips, judged: dict[tuple[str, int], Experiment], seeds: int) -> str:
    lines = [
        f"# {name}: are wrong labels found?",
        "",
        f"Made by `python tools/flipped_labels.py <project> {name} {seeds}` on {len(clips.ids)} clips of "
        f"{len(np.unique(clips.speakers))} speakers. The gender of a share of the speakers is flipped at random, "
        f"{seeds} times over; the audit then lists its suspects. Figures are means over these runs, in brackets the "
        "lowest and highest; `runs.csv` has each. UAR is out of fold, against the labels before flipping.",
        "",
        "| features | flipped | recall | precision | precision, known ones false | UAR on speakers | UAR on clips, "
        "learnt from labels as stated | UAR on clips, suspects left out |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (features, number), one in judged.items():
        for share, runs in one.runs.groupby("share"):
            found = ["recall", "precision", "precision_known_false"] if share else []
            cells = [spread(runs[key]) for key in found] or ["", "", ""]
            cells += [spread(runs[f"uar_{key}"]) for key in ("speakers", "clips_as_stated", "clips_reviewed")]
            flipped = f"{share:.0%} ({runs['flipped'].iloc[0]})"
            lines.append(f"| {features} ({number}) | {flipped} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Speakers whom the audit suspects before anything is flipped may have a wrong label already. They are not "
        'flipped, keep their label, and count neither as found nor as false; the column "known ones false" counts '
        "them as false alarms. They are:",
        "",
        "| features | speaker | stated | suggested | strength |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (features, _), one in judged.items():
        for row in one.known.itertuples():
            lines.append(f"| {features} | {row.speaker_id} | {row.stated} | {row.suggested} | {row.strength:.2f} |")
    return "\n".join(lines) + "\n"


def spread(values: pd.Series) -> str:
    return f"{values.mean():.3f}" + (f" ({values.min():.3f}–{values.max():.3f})" if len(values) > 1 else "")


if __name__ == "__main__":
    stage.run(main)
