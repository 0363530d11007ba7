"""What the licences of recordings mean for a model that learnt from them; told by the licence texts of the clips."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """A licence under which recordings came.

    Attributes:
        data: whose.
        name: of the licence.
        pattern: what its text holds.
        meaning: for a model, in Markdown.
    """

    data: str
    name: str
    pattern: re.Pattern
    meaning: str


def _licence(data: str, name: str, pattern: str, meaning: str) -> Licence:
    return Licence(data, name, re.compile(pattern, re.IGNORECASE), meaning)


#: The first that fits counts: texts may name other licences in passing. See the data card, data/README.md.
LICENCES = (
    _licence(
        "demo",
        "none needed",
        r"voicetraits demo corpus",
        "Synthetic voices, made by this project, which waives all rights in them (CC0 1.0). A model of them may be "
        "used and passed on freely, and says nothing about people.",
    ),
    _licence(
        "AN4",
        "BSD-style licence of Carnegie Mellon University",
        r"\bAN4\b",
        "Any use, commercial or not. Keep CMU's copyright notice with copies of the recordings; naming AN4 as the "
        "source with the model is good manners.",
    ),
    _licence(
        "speechocean762",
        "free for commercial and non-commercial purposes (OpenSLR SLR101)",
        r"speechocean762",
        "Any use. Cite J. Zhang et al., speechocean762: an open-source non-native English speech corpus for "
        "pronunciation assessment, Interspeech 2021.",
    ),
    _licence(
        "Common Voice",
        "CC0 1.0",
        r"common voice",
        "No conditions on the model. Whoever downloads the recordings agrees not to find out who the speakers are: do "
        "not use the model for that either.",
    ),
    _licence(
        "LibriSpeech",
        "CC BY 4.0",
        r"librispeech",
        "Any use, with attribution: name LibriSpeech (V. Panayotov, G. Chen, D. Povey, S. Khudanpur, ICASSP 2015), "
        "link its licence (https://creativecommons.org/licenses/by/4.0/) and say that a model was made from it, "
        "wherever the model goes.",
    ),
    _licence(
        "AudioMNIST",
        "MIT, Copyright (c) 2018 Sören Becker",
        r"audiomnist",
        "Any use. Keep the copyright notice with copies of the recordings, and name it with the model.",
    ),
    _licence(
        "your own recordings",
        "none stated: brought by whoever trained the model",
        r"own data, brought by whoever runs this",
        "What the speakers agreed to decides. Unless they agreed to a model of their voices being passed on, keep it "
        "to yourself.",
    ),
    _licence(
        "VoxForge",
        "GNU General Public License, version 3 or later as each archive says",
        r"gnu general public licen[sc]e|\bGPL",
        "The recordings may be passed on under the GPL only. Whether a model's weights are a work based on them is "
        "not settled; VoxForge collects them for free and open-source speech engines. The careful way: pass the model "
        "on under the GPL, version 3 or later, with this notice and the way to its training data and code, and take "
        "advice before any other.",
    ),
)

UNKNOWN = (
    "Not recognised: read it before the model goes anywhere. Without a licence that allows it, nobody may pass on what "
    "was made from a recording."
)


def licence_of(text: str | None) -> Licence | None:
    """The licence that a clip's licence text states; None where it is unknown or there is none."""
    return next((licence for licence in LICENCES if licence.pattern.search(text or "")), None)


def meanings(texts: Iterable[str | None]) -> str:
    """What the licences of clips mean for a model, as a Markdown list, with the number of clips of each."""
    texts = list(texts)
    found = [licence_of(text) for text in texts]
    lines = [
        f"- **{licence.data}** ({clips_of(found.count(licence))}). Licence: {licence.name}. {licence.meaning}"
        for licence in LICENCES
        if licence in found
    ]
    unread = [text for text, licence in zip(texts, found, strict=True) if licence is None]
    begins = sorted({" ".join(text.split())[:80] for text in unread if text})
    if unread:
        quoted = f" The texts begin: {'; '.join(repr(begin) for begin in begins)}." if begins else " There is no text."
        lines.append(f"- **Unknown** ({clips_of(len(unread))}). {UNKNOWN}{quoted}")
    return "\n".join(lines)


def clips_of(number: int) -> str:
    return f"{number:,} training clip{'' if number == 1 else 's'}"
