"""Reads the prompt files of a VoxForge submission: what was to be said in each utterance."""

import re

from voicetraits.readme import decode_lines

_PATH = re.compile(r".*[/\\]")
_SUFFIX = re.compile(r"\.(wav|flac|mfc)$", re.IGNORECASE)


def parse_prompts(data: bytes) -> dict[str, str]:
    """Utterance: its text, from PROMPTS (`<archive>/mfc/<utterance> TEXT`) or prompts-original (`<utterance> Text`).

    Lines without a text are left out. Of two lines for one utterance the first counts.
    """
    transcripts: dict[str, str] = {}
    for line in decode_lines(data):
        first, *words = line.split() or [""]
        utterance = _SUFFIX.sub("", _PATH.sub("", first))
        if utterance and words:
            transcripts.setdefault(utterance, " ".join(words))
    return transcripts


def read_transcripts(prompts: bytes | None, prompts_original: bytes | None) -> dict[str, str]:
    """Utterance: its text as it was to be read (prompts-original), or in capitals (PROMPTS) where that has none."""
    return parse_prompts(prompts or b"") | parse_prompts(prompts_original or b"")
