"""Speakers and archives whose labels a person has reviewed and found wrong: `metadata.exclude`."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from voicetraits.errors import ParameterError
from voicetraits.submission_texts import Problem, Submission


def find_excluded(names: Sequence[str], read: Mapping[str, Submission]) -> dict[str, str]:
    """Archive: the name that excludes it, its own or its speaker's.

    Args:
        names: speaker ids and archives.
        read: archive: what its texts say.

    Raises:
        ParameterError: a name is neither, which may be a misspelling, or stands twice.
    """
    known = {submission.speaker_id for submission in read.values()} | set(read)
    for name in names:
        if name not in known:
            close = get_close_matches(name, sorted(known), n=3, cutoff=0)
            raise ParameterError(
                f"params.yaml: `metadata.exclude` names {name!r}, which is no speaker and no archive of this "
                f"corpus; the closest are {', '.join(close) or 'none'}"
            )
        if names.count(name) > 1:
            raise ParameterError(f"params.yaml: `metadata.exclude` names {name!r} twice; allowed: each once")
    by_speaker = {
        archive: submission.speaker_id for archive, submission in read.items() if submission.speaker_id in names
    }
    return by_speaker | {archive: archive for archive in read if archive in names}


def excluded_problems(excluded: Mapping[str, str]) -> list[Problem]:
    """A line for each excluded archive, for the review list."""
    problem = "no label of it is used, as `metadata.exclude` says"
    return [Problem(archive, "labels", name, problem) for archive, name in excluded.items()]
