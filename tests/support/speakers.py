"""Speakers with labels and clips, as what parse_metadata and extract write, to split."""

import pandas as pd


def corpus(*speakers, clips=2):
    """Metadata and clips of (speaker, gender, age group) or (…, list of age groups, one a submission)."""
    rows = [
        (f"{speaker}-{number}/{clip}", speaker, f"{speaker}-{number}", gender, age, 3.6)
        for speaker, gender, ages in speakers
        for number, age in enumerate(ages if isinstance(ages, list) else [ages])
        for clip in range(clips)
    ]
    names = ["utterance_id", "speaker_id", "archive", "gender", "age_group", "duration_seconds"]
    table = pd.DataFrame(rows, columns=names)
    table["audio_sha256"] = "sha256 of " + table["utterance_id"]
    return table[names[:5]], table[["utterance_id", "audio_sha256", "duration_seconds"]]


def people(female=10, male=10, none=0, age="adult"):
    return [
        (f"{gender or 'x'}{number:03}", gender, age)
        for gender, count in (("female", female), ("male", male), (None, none))
        for number in range(count)
    ]


def share_clip(clips, *utterances):
    """The same recording under several names."""
    clips = clips.copy()
    clips.loc[clips["utterance_id"].isin(utterances), "audio_sha256"] = f"shared {utterances[0]}"
    return clips
