"""What is known of each clip: its speaker, the speaker's stated gender and age, the text, the licence.

Labels are what READMEs state, reconciled over all of a speaker's submissions. What cannot be read is null and stands
on the review list; nothing is guessed.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pandas as pd
import pyarrow as pa
from pydantic import Field

from voicetraits.classes import CLASSES, LABEL_COLUMN, AgeBins, classes_of
from voicetraits.errors import DataError, ParameterError
from voicetraits.exclusion import excluded_problems, find_excluded
from voicetraits.labels import Stated
from voicetraits.params import section
from voicetraits.submission_texts import Problem, Submission, read_submission


@section
class MetadataParams:
    """Section `metadata` of params.yaml."""

    age_bins: AgeBins
    youth_below_years: Annotated[int, Field(ge=1, le=120)]
    senior_from_years: Annotated[int, Field(ge=1, le=120)]
    exclude: tuple[Annotated[str, Field(min_length=1)], ...]

    def __post_init__(self) -> None:
        if self.senior_from_years <= self.youth_below_years:
            raise ParameterError(
                f"params.yaml: `metadata.senior_from_years` is {self.senior_from_years}; "
                f"allowed: more than `metadata.youth_below_years` ({self.youth_below_years})"
            )

    @property
    def ages(self) -> dict[str, Any]:
        """What reading an age needs."""
        return {name: getattr(self, name) for name in ("age_bins", "youth_below_years", "senior_from_years")}


#: README fields that go into the table as text.
_DESCRIPTIONS = (
    "first_language", "dialect", "sub_dialect", "microphone_make", "microphone_type", "recording_location",
    "background_noise", "noise_volume", "noise_type",
)  # fmt: skip

#: Columns of metadata.parquet.
SCHEMA = pa.schema(
    {
        "utterance_id": pa.string(),
        "speaker_id": pa.string(),
        "corpus": pa.string(),
        "source": pa.string(),
        "archive": pa.string(),
        "gender": pa.string(),
        "gender_raw": pa.string(),
        "age_group": pa.string(),
        "age_band": pa.string(),
        "age_years": pa.int16(),
        "age_raw": pa.string(),
        "language": pa.string(),
        "native_speaker": pa.bool_(),
        **dict.fromkeys(_DESCRIPTIONS, pa.string()),
        "transcript": pa.string(),
        # The same few texts, some of them long, for thousands of clips.
        "licence": pa.dictionary(pa.int32(), pa.string()),
    }
)


@dataclass(frozen=True)
class Metadata:
    """The metadata of a corpus.

    Attributes:
        clips: a row per clip, sorted by utterance_id, with the columns of `SCHEMA`.
        review: archive, field, raw, problem: what a person should look at, sorted.
        metrics: counts of what went in, came out and was set aside.
    """

    clips: pa.Table
    review: pd.DataFrame
    metrics: dict[str, Any]


@dataclass(frozen=True)
class Reconciled:
    """One speaker's labels of one target.

    Attributes:
        labels: of each submission, None where it has none.
        filled: how many submissions state nothing and got the label that the others state.
        several: whether the speaker states more than one.
    """

    labels: list[str | None]
    filled: int
    several: bool


def reconcile(stated: Sequence[Stated], target: str) -> Reconciled:
    """Settle what a speaker's submissions state.

    A label that stands alone holds for submissions that state nothing, too; not for those that state what cannot be
    read. Two genders (`other` counts as one) leave none; age may change with the years, so each submission keeps its
    own.
    """
    labels = {one.label for one in stated if one.label} | {label for one in stated for label in one.several}
    several = len(labels) > 1
    if several and target == "gender":
        return Reconciled([None] * len(stated), 0, several)
    filler = None if several else next(iter(labels & {*CLASSES[target]}), None)

    def settle(one: Stated) -> str | None:
        if one.is_blank:
            return filler
        return one.label if one.label in CLASSES[target] else None

    filled = sum(one.is_blank for one in stated) if filler else 0
    return Reconciled([settle(one) for one in stated], filled, several)


def build_metadata(
    submissions: Iterable[Mapping[str, Any]],
    clips: pd.DataFrame,
    params: MetadataParams,
    *,
    corpus: str,
    sources: Mapping[str, str],
) -> Metadata:
    """Read every submission's text files, reconcile the labels of each speaker, and give each clip its row.

    Args:
        submissions: rows of submissions.parquet, see `read_submission`.
        clips: clips.parquet: utterance_id, archive.
        corpus: name of the corpus, and the source of archives that no pattern fits; of a mix, whose archives come from
            several, that of each archive.
        sources: name of a source: pattern that the licence text of its archives holds; the first that fits counts.

    Raises:
        ParameterError: a pattern is no regular expression, or `exclude` names what is not there.
        DataError: clips and submissions do not belong together.
    """
    patterns = _compile(sources, corpus)
    read = {row["archive"]: read_submission(row, corpus=corpus, **params.ages) for row in submissions}
    _check(read, clips)
    excluded = find_excluded(params.exclude, read)
    by_speaker = defaultdict(list)
    for archive in sorted(set(read) - set(excluded)):
        by_speaker[read[archive].speaker_id].append(read[archive])

    labels: dict[str, dict[str, str | None]] = defaultdict(dict)  # archive: target: label
    problems = [problem for submission in read.values() for problem in submission.problems()]
    problems += excluded_problems(excluded)
    settled = {target: {"filled": 0, "speakers_stating_several": 0} for target in CLASSES}
    for own in by_speaker.values():
        for target, counts in settled.items():
            result = reconcile([getattr(submission, target) for submission in own], target)
            counts["filled"] += result.filled
            counts["speakers_stating_several"] += result.several
            for submission, label in zip(own, result.labels, strict=True):
                labels[submission.archive][target] = label
            if result.several and target == "gender":
                problems += _contradiction(own)

    table = _table(read, clips, labels, patterns)
    review = pd.DataFrame(sorted(problems), columns=Problem._fields)
    return Metadata(table, review, _metrics(read.values(), table, settled, excluded, params.age_bins))


def _compile(sources: Mapping[str, str], corpus: str) -> dict[str, re.Pattern[str]]:
    patterns = {}
    for name, pattern in sources.items():
        try:
            patterns[name] = re.compile(pattern)
        except re.error as error:
            raise ParameterError(
                f"params.yaml: `corpora.{corpus}.sources.{name}` is {pattern!r}; "
                f"allowed: a regular expression ({error})"
            ) from None
    return patterns


def _check(read: Mapping[str, Submission], clips: pd.DataFrame) -> None:
    if strangers := sorted(set(clips["archive"]) - set(read)):
        raise DataError(f"clips.parquet names {strangers[0]}, submissions.parquet does not; run `dvc repro extract`")
    if (doubles := clips["utterance_id"].duplicated()).any():
        raise DataError(f"clips.parquet has {clips['utterance_id'][doubles].iloc[0]} twice; run `dvc repro extract`")


def _contradiction(own: Sequence[Submission]) -> list[Problem]:
    """One each for those that state a single gender; what contradicts itself is a problem already."""
    stated = [submission for submission in own if submission.gender.label]
    genders = {submission.gender.label for submission in stated}
    genders = " and ".join(sorted(genders.union(*(submission.gender.several for submission in own))))
    return [
        Problem(submission.archive, "gender", submission.fields["gender"], f"the speaker states {genders}")
        for submission in stated
    ]


def _table(
    read: Mapping[str, Submission],
    clips: pd.DataFrame,
    labels: Mapping[str, Mapping[str, str | None]],
    patterns: Mapping[str, re.Pattern[str]],
) -> pa.Table:
    of_archive = {
        archive: {
            "speaker_id": submission.speaker_id,
            "corpus": submission.corpus,
            "source": _source(submission, patterns) or submission.corpus,
            "archive": archive,
            "gender": labels[archive].get("gender"),  # an excluded archive has none
            "gender_raw": submission.fields.get("gender") or None,
            "age_group": labels[archive].get("age"),
            "age_band": submission.age.band,
            "age_years": submission.age.years,
            "age_raw": submission.fields.get("age") or None,
            "language": submission.language,
            "native_speaker": {"yes": True, "no": False}.get(submission.native_speaker.label),
            **{field: submission.describe(field) for field in _DESCRIPTIONS},
            "licence": submission.licence,
        }
        for archive, submission in read.items()
    }
    rows = [
        {
            "utterance_id": utterance_id,
            "transcript": read[archive].transcripts.get(_utterance(utterance_id, archive)),
            **of_archive[archive],
        }
        for utterance_id, archive in sorted(zip(clips["utterance_id"], clips["archive"], strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _source(submission: Submission, patterns: Mapping[str, re.Pattern[str]]) -> str | None:
    return next((name for name, pattern in patterns.items() if pattern.search(submission.licence or "")), None)


def _utterance(utterance_id: str, archive: str) -> str:
    return utterance_id.removeprefix(f"{archive}/")


def _metrics(
    submissions: Collection[Submission],
    table: pa.Table,
    settled: Mapping[str, Mapping[str, int]],
    excluded: Collection[str],
    age_bins: AgeBins,
) -> dict[str, Any]:
    clips = table.drop_columns(["licence"]).to_pandas()
    speakers = {submission.speaker_id: submission for submission in submissions}.values()
    return {
        "submissions": {
            "in": len(submissions),
            "with_clips": clips["archive"].nunique(),
            "without_readme": sum(not submission.has_readme for submission in submissions),
            "with_unreadable_readme": sum(
                submission.has_readme and not submission.fields for submission in submissions
            ),
            "with_lines_of_no_known_key": sum(bool(submission.unread) for submission in submissions),
            "with_other_user_name_in_archive_name": sum(not submission.user_name_fits for submission in submissions),
        },
        "clips": {"in": len(clips), "out": len(clips), "without_transcript": int(clips["transcript"].isna().sum())},
        "speakers": {
            "named": sum(speaker.user_name is not None for speaker in speakers),
            "anonymous": sum(speaker.user_name is None for speaker in speakers),
        },
        "prompts": _count_prompts(submissions, set(clips["utterance_id"])),
        "excluded": _size(clips[clips["archive"].isin(excluded)]),
        "sources": {source: _size(own) for source, own in clips.groupby("source")},
        **{
            target: _count_labels(submissions, clips, target, classes_of(target, age_bins)) | dict(settled[target])
            for target in CLASSES
        },
    }


def _count_prompts(submissions: Iterable[Submission], kept: set[str]) -> dict[str, int]:
    without_clip = [
        (submission, utterance)
        for submission in submissions
        for utterance in submission.transcripts
        if f"{submission.archive}/{utterance}" not in kept
    ]
    set_aside = sum(utterance in submission.audio for submission, utterance in without_clip)
    return {
        "in": sum(len(submission.transcripts) for submission in submissions),
        "without_audio": len(without_clip) - set_aside,
        "audio_set_aside": set_aside,
    }


def _count_labels(
    submissions: Collection[Submission], clips: pd.DataFrame, target: str, classes: Sequence[str]
) -> dict[str, Any]:
    column = clips[LABEL_COLUMN[target]]
    stated = [getattr(submission, target) for submission in submissions]
    counts: dict[str, Any] = {name: _size(clips[column == name]) for name in classes}
    counts["none"] = _size(clips[column.isna()])
    if target == "gender":
        counts["other"] = sum(one.label == "other" for one in stated)
    counts["unstated"] = sum(one.is_blank for one in stated)
    counts["unreadable"] = sum(one.problem is not None for one in stated)
    return counts


def _size(clips: pd.DataFrame) -> dict[str, int]:
    return {
        "clips": len(clips),
        "speakers": clips["speaker_id"].nunique(),
        "submissions": clips["archive"].nunique(),
    }
