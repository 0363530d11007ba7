"""The table of label suspects that a person reviews: who, what was stated, and what speaks against it."""

import numpy as np
import pandas as pd

from voicetraits.auditing.clips import Clips
from voicetraits.auditing.learners import one_feature, out_of_fold
from voicetraits.auditing.suspects import Verdict
from voicetraits.features.table import FeatureTable

#: What a person can check by ear or eye beside the models: a feature, and how its verdict is called.
_WITNESSES = {"f0_median_hz": "pitch", "vocal_tract_length_cm": "vocal_tract"}

COLUMNS = (
    "target", "speaker_id", "source", "stated", "suggested", "strength", "shufflings_agreeing", "clips",
    "clips_against", "p_stated_linear", "p_stated_trees", "f0_median_hz", "p_stated_pitch", "vocal_tract_length_cm",
    "p_stated_vocal_tract", "other_label", "listen",
)  # fmt: skip


def suspects_table(
    target: str, verdict: Verdict, clips: Clips, metadata: pd.DataFrame, features: FeatureTable
) -> pd.DataFrame:
    """A row for each suspect, the surest first, with `COLUMNS`.

    Args:
        clips: those that were judged.
        metadata: utterance_id, source, gender, age_group.
        features: with what the witnesses need; a witness that has no feature says nothing.

    Returns:
        `p_stated_…` are the probabilities of the stated class, out of fold: by each model family, and by pitch and
        vocal tract alone. `other_label` is the speaker's label of the other target (a boy's voice may be as high as
        a woman's), `listen` the first of the clips, for `python src/listen.py`.
    """
    units = verdict.units
    rows = np.arange(len(units.labels))
    about = metadata.set_index("utterance_id").loc[units.ids]
    table = pd.DataFrame(
        {
            "target": target,
            "speaker_id": units.speakers,
            "source": about["source"].to_numpy(),
            "stated": np.array(clips.classes)[units.labels],
            "suggested": np.array(clips.classes)[verdict.other],
            "strength": verdict.strength,
            "shufflings_agreeing": verdict.agreeing,
            "clips": np.bincount(clips.units),
            "clips_against": verdict.clips_against,
            "other_label": about["age_group" if target == "gender" else "gender"].to_numpy(),
            "listen": units.ids,
        }
    )
    for family, probabilities in verdict.families.items():
        table[f"p_stated_{family}"] = probabilities[rows, units.labels]
    for feature, witness in _WITNESSES.items():
        table[feature], table[f"p_stated_{witness}"] = _testimony(feature, verdict, clips, features)
    table = table.loc[verdict.is_suspect, list(COLUMNS)].round(4)
    return table.sort_values(["strength", "speaker_id"], ascending=[False, True], ignore_index=True)


def _testimony(
    feature: str, verdict: Verdict, clips: Clips, features: FeatureTable
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Median of one feature over each unit's clips, and what it alone gives the stated class; both (units,)."""
    if feature not in features.names:
        return None, None
    values = features.values[feature].loc[clips.ids].to_numpy(np.float64)
    medians = pd.Series(values).groupby(clips.units).median().to_numpy()
    units = verdict.units.with_values(np.log(np.maximum(medians, 1.0))[:, None])  # a voiceless clip has 0 Hz
    probabilities = out_of_fold(one_feature, units, verdict.fold_of, 0, trusted=~verdict.is_suspect)
    return medians, probabilities[np.arange(len(medians)), units.labels]
