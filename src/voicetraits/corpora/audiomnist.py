"""AudioMNIST (Becker et al. 2018): 60 speakers, ten digits each fifty times.

<top>/data/<speaker>/<digit>_<speaker>_<repetition>.wav
<top>/data/audioMNIST_meta.txt    JSON; speaker: age, gender, accent, native speaker, origin, recordingroom
"""

import json
import re
from typing import Any

from voicetraits.bundles import BundleLayout, DownloadParams
from voicetraits.errors import DataError
from voicetraits.params import section
from voicetraits.speaker_archives import Recording, Speaker, by_speaker
from voicetraits.store import Store

_META = r"(^|/)audioMNIST_meta\.txt$"
_CLIP = re.compile(r"(^|/)(?P<speaker>\d+)/(?P<digit>\d)_(?P=speaker)_\d+\.(?i:wav)$")
_FORM = "<speaker>/<digit>_<speaker>_<repetition>.wav"
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
#: README field: key of the metadata.
_DETAILS = {
    "Native Speaker": "native speaker",
    "Pronunciation dialect": "accent",
    "Recording Location": "recordingroom",
}


@section
class Params(DownloadParams):
    """Section `corpora.audiomnist` of params.yaml."""


class Layout(BundleLayout):
    """The layout of AudioMNIST, behind the protocol voicetraits.repacking.Layout."""

    licence = (
        "AudioMNIST, https://github.com/soerenab/AudioMNIST, MIT License, Copyright (c) 2018 Sören Becker.\n"
        "S. Becker, M. Ackermann, S. Lapuschkin, K.-R. Müller, W. Samek: Interpreting and explaining deep neural "
        "networks for classification of audio signals. arXiv:1807.03418, 2018.\n"
    )

    def speakers(self, store: Store) -> list[Speaker]:
        """The speakers that have clips.

        Raises:
            DataError: the archive is none of AudioMNIST, or its metadata cannot be read.
        """
        survey = self._survey(store, _META)
        if not survey.texts:
            raise DataError(
                f"{self.source} has no data/audioMNIST_meta.txt; check {self._bundle.key}.url in params.yaml"
            )
        meta = _meta(next(iter(survey.texts.values())).read_bytes(), self.source)
        rows, unlisted = [], set()
        for path, match in self._named(survey, _CLIP, _FORM).items():
            speaker = match["speaker"]
            if speaker not in meta:
                unlisted.add(speaker)
            about = {key: "" if value is None else str(value) for key, value in meta.get(speaker, {}).items()}
            details = {"Language": "EN"} | {field: about[key] for field, key in _DETAILS.items() if about.get(key)}
            recording = Recording(path, bytes=survey.clips[path], transcript=_DIGITS[int(match["digit"])])
            rows.append((speaker, about.get("gender", ""), about.get("age", ""), details, recording))
        if not rows:
            raise DataError(f"{self.source} has no clips such as data/01/0_01_0.wav; check {self._bundle.key}.url")
        if unlisted:
            print(f"scrape: audioMNIST_meta.txt says nothing of {', '.join(sorted(unlisted))}; they have no labels")
        return by_speaker(rows)


def _meta(content: bytes, source: str) -> dict[str, dict[str, Any]]:
    """Speaker: what is said of them."""
    try:
        meta = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"audioMNIST_meta.txt of {source} is not JSON ({error}); download it again") from None
    if not isinstance(meta, dict) or not all(isinstance(about, dict) for about in meta.values()):
        raise DataError(f'audioMNIST_meta.txt of {source} is not of the form {{"01": {{"gender": "male", …}}, …}}')
    return meta
