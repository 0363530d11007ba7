"""LibriSpeech (Panayotov et al. 2015): volunteers reading books aloud, 16 kHz FLAC.

LibriSpeech/SPEAKERS.TXT                                    `;` comments, then ID | SEX | SUBSET | MINUTES | NAME
LibriSpeech/<part>/<reader>/<chapter>/<reader>-<chapter>-<utterance>.flac
LibriSpeech/<part>/<reader>/<chapter>/<reader>-<chapter>.trans.txt      <utterance> WORDS IN CAPITALS
"""

import io
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import soundfile
from pydantic import Field

from voicetraits.bundles import BundleLayout, DownloadParams
from voicetraits.errors import DataError
from voicetraits.params import section
from voicetraits.speaker_archives import Recording, Speaker
from voicetraits.store import Store

_TEXTS = r"(^|/)SPEAKERS\.TXT$|\.trans\.txt$"
_CLIP = re.compile(r"(^|/)(?P<reader>\d+)/(?P<chapter>\d+)/(?P<utterance>(?P=reader)-(?P=chapter)-\d+)\.(?i:flac)$")
_FORM = "<reader>/<chapter>/<reader>-<chapter>-<utterance>.flac"
_COLUMNS = 5
_SEXES = ("M", "F")


@section
class Params(DownloadParams):
    """Section `corpora.librispeech` of params.yaml."""

    part: Annotated[str, Field(pattern=r"^[\w-]+$")]
    files_per_speaker: Annotated[int, Field(ge=1)] | None
    clip_seconds: Annotated[float, Field(gt=0)] | None

    @property
    def address(self) -> str:
        if self.url.lower().endswith((".tar.gz", ".tgz")):
            return self.url
        return f"{self.url.rstrip('/')}/{self.part}.tar.gz"


class Layout(BundleLayout):
    """The layout of LibriSpeech, behind the protocol voicetraits.repacking.Layout."""

    licence = (
        "LibriSpeech, https://www.openslr.org/12, Creative Commons Attribution 4.0 International (CC BY 4.0).\n"
        "V. Panayotov, G. Chen, D. Povey, S. Khudanpur: LibriSpeech: an ASR corpus based on public domain audio books. "
        "ICASSP 2015, 5206-5210.\n"
    )

    _params: Params

    @property
    def version(self) -> str:
        return f"{super().version} {self._params.clip_seconds}"

    def speakers(self, store: Store) -> list[Speaker]:
        """The readers that have clips, each with the first `files_per_speaker` in the order of their names.

        Raises:
            DataError: the archive is none of LibriSpeech, or one of its tables cannot be read.
        """
        survey = self._survey(store, _TEXTS)
        sexes = _read_sexes(survey.texts, self.source)
        transcripts = _read_transcripts(survey.texts)
        of_reader: dict[str, list[Recording]] = {}
        for path, match in sorted(self._named(survey, _CLIP, _FORM).items()):
            recording = Recording(path, bytes=survey.clips[path], transcript=transcripts.get(match["utterance"], ""))
            of_reader.setdefault(match["reader"], []).append(recording)
        if not of_reader:
            raise DataError(
                f"{self.source} has no clips such as LibriSpeech/train-clean-100/19/198/19-198-0000.flac; check "
                f"{self._bundle.key}.url and .part in params.yaml"
            )
        if unlisted := sorted(of_reader.keys() - sexes.keys()):
            print(f"scrape: SPEAKERS.TXT says nothing of {', '.join(unlisted)}; they have no labels")
        taken = self._params.files_per_speaker
        if taken and (beyond := sum(len(clips[taken:]) for clips in of_reader.values())):
            self.left_out["clips_beyond_files_per_speaker"] = beyond
        return [
            Speaker(reader, sexes.get(reader, ""), "", clips[:taken], {"Language": "EN"})
            for reader, clips in of_reader.items()
        ]

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        seconds = self._params.clip_seconds
        for path, content in super().read(paths):
            yield path, content if seconds is None else crop(content, seconds)


def _read_sexes(texts: Mapping[str, Path], source: str) -> dict[str, str]:
    """Reader: `M` or `F`, from SPEAKERS.TXT."""
    tables = [text for path, text in texts.items() if path.rpartition("/")[2] == "SPEAKERS.TXT"]
    if not tables:
        raise DataError(f"{source} has no SPEAKERS.TXT, which tells who is female and who male; download it again")
    sexes: dict[str, str] = {}
    for number, line in enumerate(tables[0].read_text("utf-8", "replace").splitlines(), start=1):
        if not line.strip() or line.startswith(";"):
            continue
        # A name may hold a bar.
        values = [value.strip() for value in line.split("|", _COLUMNS - 1)]
        if len(values) < _COLUMNS or not values[0].isdecimal() or values[1] not in _SEXES:
            raise DataError(
                f"SPEAKERS.TXT of {source}, line {number}: {line[:100]!r} is not of the form "
                f"`14 | F | train-clean-360 | 25.03 | Kristin LeMoine`"
            )
        sexes[values[0]] = values[1]
    return sexes


def _read_transcripts(texts: Mapping[str, Path]) -> dict[str, str]:
    transcripts = {}
    for path, text in texts.items():
        if path.endswith(".trans.txt"):
            for line in text.read_text("utf-8", "replace").splitlines():
                utterance, _, words = line.partition(" ")
                transcripts[utterance] = words
    return transcripts


def crop(content: bytes, seconds: float) -> bytes:
    """The first `seconds` of a file, as 16-bit FLAC. What cannot be read stays as it is: extract says what is wrong."""
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            samples = file.read(round(seconds * file.samplerate), dtype="int16")
            cropped = io.BytesIO()
            soundfile.write(cropped, samples, file.samplerate, format="FLAC", subtype="PCM_16")
    except soundfile.LibsndfileError:
        return content
    return cropped.getvalue()
