"""The corpus at a glance: who is in it, and how pitch, formants, durations and noise lie by gender and age group."""

import numpy as np
import pandas as pd

#: Shown by gender and age group, as far as the features are there.
SHOWN = ("f0_median_hz", "f1_median_hz", "f2_median_hz", "f3_median_hz", "f4_median_hz", "vocal_tract_length_cm")
UNSTATED = "unstated"
#: The group of all ages together.
ALL = "all"
_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


#: Width of a bar of the histograms.
_DURATION_SECONDS, _NOISE_DB = 0.5, 2.0


def corpus_tables(
    metadata: pd.DataFrame, features: pd.DataFrame, clips: pd.DataFrame, signal_to_noise_db: pd.Series
) -> dict[str, pd.DataFrame]:
    """All tables of this module by name.

    Args:
        metadata: a row per clip, with its labels.
        features: indexed by utterance_id.
        clips: utterance_id, duration_seconds.
        signal_to_noise_db: indexed by utterance_id.
    """
    duration_seconds = clips.set_index("utterance_id")["duration_seconds"]
    return {
        "balance": balance_table(metadata, duration_seconds),
        "voices": voice_table(metadata, features),
        "durations": histogram_by_gender(metadata, duration_seconds, _DURATION_SECONDS),
        "signal_to_noise": histogram_by_gender(metadata, signal_to_noise_db, _NOISE_DB),
    }


def labelled(metadata: pd.DataFrame) -> pd.DataFrame:
    """utterance_id, speaker_id, gender, age_group of each clip; a missing label is `unstated`."""
    table = metadata[["utterance_id", "speaker_id", "gender", "age_group"]].copy()
    for column in ("gender", "age_group"):
        table[column] = table[column].astype(object).where(table[column].notna(), UNSTATED)
    return table


def balance_table(metadata: pd.DataFrame, duration_seconds: pd.Series) -> pd.DataFrame:
    """Speakers, clips and hours of each gender and age group, unstated ones too.

    Args:
        duration_seconds: of each clip, indexed by utterance_id.
    """
    table = labelled(metadata).assign(hours=duration_seconds.loc[metadata["utterance_id"]].to_numpy() / 3600)
    grouped = table.groupby(["gender", "age_group"], sort=True)
    counts = grouped.agg(
        speakers=("speaker_id", "nunique"), clips=("utterance_id", "size"), hours=("hours", "sum")
    )  # fmt: skip
    return counts.round(4).reset_index()


def voice_table(metadata: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Quantiles over clips of pitch and formants by labelled gender and age group, and over all ages.

    A value of 0 says that nothing was measured, as in a clip without a voiced frame; it does not count.

    Args:
        features: indexed by utterance_id.

    Returns:
        feature, gender, age_group, clips, speakers, q05, q25, median, q75, q95.
    """
    labels = labelled(metadata)
    both = pd.concat([labels, labels.assign(age_group=ALL)])
    both = both[(both["gender"] != UNSTATED) & (both["age_group"] != UNSTATED)]
    rows = []
    for feature in (name for name in SHOWN if name in features):
        values = both.assign(value=features[feature].reindex(both["utterance_id"]).to_numpy(np.float64))
        for (gender, age_group), group in values[values["value"] > 0].groupby(["gender", "age_group"], sort=True):
            about = {"feature": feature, "gender": gender, "age_group": age_group}
            counts = {"clips": len(group), "speakers": group["speaker_id"].nunique()}
            quantiles = {name: group["value"].quantile(share) for name, share in _QUANTILES.items()}
            rows.append(about | counts | quantiles)
    columns = ["feature", "gender", "age_group", "clips", "speakers", *_QUANTILES]
    return pd.DataFrame(rows, columns=columns).round(3)


def histogram_by_gender(metadata: pd.DataFrame, values: pd.Series, bin_width: float) -> pd.DataFrame:
    """Share of a gender's clips in each bin, for labelled and unstated gender.

    Args:
        values: of each clip, named, indexed by utterance_id.

    Returns:
        gender, <name of values> (middle of the bin), clips, share_of_clips.
    """
    name = str(values.name)
    table = labelled(metadata)[["utterance_id", "gender"]]
    value = values.reindex(table["utterance_id"]).to_numpy(np.float64)
    table[name] = (np.floor(value / bin_width) + 0.5) * bin_width
    counts = table.groupby(["gender", name], sort=True).size().rename("clips")
    shares = (counts / counts.groupby(level="gender").transform("sum")).round(5).rename("share_of_clips")
    return pd.concat([counts, shares], axis=1).reset_index()
