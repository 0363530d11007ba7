"""A run's figures and tables as the report reads them, made up: tests change a number and see what is said."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from voicetraits.reporting.run import Run

CLASSES = ("female", "male")
#: Model: UAR on clips with its interval.
UAR = {
    "softmax": (0.96, 0.93, 0.98),
    "tfdf": (0.95, 0.91, 0.97),
    "majority": (0.5, 0.5, 0.5),
    "pitch_threshold": (0.90, 0.87, 0.92),
}
#: Family: UAR alone with its interval, and what each model loses without it.
FAMILIES = {
    "pitch": ((0.9, 0.85, 0.95), {"softmax": (0.1, 0.05, 0.15), "tfdf": (0.2, 0.1, 0.3)}),
    "mfcc": ((0.8, 0.7, 0.9), {"softmax": (0.0, -0.01, 0.01), "tfdf": (0.01, -0.01, 0.03)}),
    "level": ((0.55, 0.45, 0.65), {"softmax": (0.0, -0.01, 0.01), "tfdf": (0.0, 0.0, 0.0)}),
}
SETTINGS = {
    "frame_seconds": 0.025, "hop_seconds": 0.01, "mel_bands": 64, "mfcc": 20, "pre_emphasis": 0.97, "f0_min_hz": 60.0,
    "f0_max_hz": 400.0, "formant_ceiling_hz": 5500.0,
}  # fmt: skip


def made_up(
    *,
    corpus: str = "voxforge",
    uar: dict[str, tuple[float, float, float]] = UAR,
    families: dict[str, tuple] = FAMILIES,
    noise_db: dict[str, float] | None = None,
    scores: dict[str, float] | None = None,
    tables: dict[str, pd.DataFrame] | None = None,
    skipped: tuple[str, ...] = ("age",),
    of_a_class: int = 80,
    audit: dict[str, Any] | None = None,
) -> Run:
    """A run on gender alone.

    Args:
        uar: model: UAR on clips with its interval; on speakers it is the same.
        families: see `FAMILIES`.
        noise_db: gender: signal-to-noise ratio of all of its clips.
        scores: other scores of every model.
        tables: more tables, or others.
        of_a_class: speakers of the smaller class in the corpus.
        audit: content of audit.json; None where there is none.
    """
    plain = {"accuracy": 0.9, "roc_auc": 0.95, "log_loss": 0.2, "ece": 0.03, "recall_female": 0.93, "recall_male": 0.97}
    plain |= scores or {}
    evaluated = {
        model: {unit: {"uar": value, **plain} for unit in ("clips", "speakers")} for model, (value, *_) in uar.items()
    }
    figures: dict[str, Any] = {
        "evaluate": {"gender": evaluated, **{target: {"skipped": 1} for target in skipped}},
        "explain": {"redundancy": {"features": 10, "redundant_features": 4, "clusters": 2, "threshold": 0.8}},
        "extract": {"hours": 1.5},
        "featurize": {"features": 10, "clips": 200, "clips_without_voice": 3},
        "metadata": {
            "clips": {"out": 200}, "speakers": {"named": 18, "anonymous": 2},
            "gender": {"female": {"speakers": of_a_class}, "male": {"speakers": 90}, "none": {"clips": 7}},
            "age": {"none": {"clips": 0}},
        },
    }  # fmt: skip
    lost = [
        ("gender", model, family, 2, *values)
        for family, (_, models) in families.items()
        for model, values in models.items()
    ]
    cells = [(actual, predicted) for actual in CLASSES for predicted in CLASSES]
    noise = noise_db or {"female": 40.0, "male": 41.0}
    made = {
        "scores": [("gender", model, unit, "uar", *uar[model]) for model in uar for unit in ("clips", "speakers")],
        "family_alone": [("gender", family, 2, *alone) for family, (alone, _) in families.items()],
        "family_importance": lost,
        "contributing_features": [("gender", "softmax", "f0_median_hz", "pitch", 0.5, 0.4, "female")],
        "redundancy": [
            ("gender", "softmax", "f0_mean_hz", 2, 0.95, 0.05, 0.01, 0.09, "f0_mean_hz f0_median_hz"),
            ("gender", "softmax", "mfcc_01_mean", 2, 0.85, 0.0, -0.01, 0.01, "mfcc_01_mean mfcc_01_std"),
        ],
        "confusion": [("gender", model, *pair, 10, 0.5) for model in uar for pair in cells],
        "calibration": [("gender", model, 0.9, 0.8, 20) for model in uar],
        "balance": [("female", "adult", 10, 100, 0.7), ("male", "unstated", 10, 100, 0.8)],
        "voices": [("f0_median_hz", gender, "all", 100, 10, 1.0, 2.0, 3.0, 4.0, 5.0) for gender in CLASSES],
        "durations": [(gender, 2.25, 100, 1.0) for gender in CLASSES],
        "signal_to_noise": [(gender, value, 100, 1.0) for gender, value in noise.items()],
    }  # fmt: skip
    frames = {name: pd.DataFrame(rows, columns=COLUMNS[name].split()) for name, rows in made.items()}
    figures |= {"audit": audit} if audit else {}
    return Run(corpus, SETTINGS, 0.95, figures, frames | (tables or {}), {"gender": 20})


COLUMNS = {
    "scores": "target model unit score value low high",
    "family_alone": "target family features uar low high",
    "family_importance": "target model family features lost low high",
    "contributing_features": "target model feature family magnitude contribution high_speaks_for",
    "redundancy": "target model cluster features weakest_link lost low high members",
    "confusion": "target model actual predicted clips share",
    "calibration": "target model confidence accuracy clips",
    "balance": "gender age_group speakers clips hours",
    "voices": "feature gender age_group clips speakers q05 q25 median q75 q95",
    "durations": "gender duration_seconds clips share_of_clips",
    "signal_to_noise": "gender signal_to_noise_db clips share_of_clips",
    "comparisons": "target fold unit model other difference low high",
    "slices": "target model slice part uar low high is_worst",
    "stress": "condition target model unit score value low high",
    "faithfulness": "target model method masked_share empty_share drop random_drop difference low high",
    "saliency": "target model method class band value",
}


def rows(name: str, *those: tuple) -> pd.DataFrame:
    """A table of that name."""
    return pd.DataFrame(list(those), columns=COLUMNS[name].split())


def written(run: Run, metrics: Path) -> None:
    """Write a run below the folder `metrics`, as the stages do."""
    (metrics / "plots").mkdir(parents=True)
    for name, content in run.figures.items():
        (metrics / f"{name}.json").write_text(json.dumps(content))
    for name, table in run.tables.items():
        table.to_csv(metrics / "plots" / f"{name}.csv", index=False)
