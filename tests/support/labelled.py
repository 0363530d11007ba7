"""Clips of made-up speakers whose classes can be told apart, and how well."""

import numpy as np

from voicetraits.auditing.clips import Clips


def labelled(
    speakers: int,
    *,
    apart: float = 2.0,
    own: float = 1.0,
    clips_each: int = 4,
    classes: tuple[str, ...] = ("female", "male"),
    seed: int = 0,
) -> Clips:
    """Classes in turn. Twelve features: each is raised for one class, and all have an offset of the speaker.

    Args:
        apart: by how much, in deviations of a clip from its speaker.
        own: deviation of the speakers' offsets.
    """
    rng = np.random.default_rng(seed)
    names = np.array([f"s{number:03d}" for number in range(speakers)])
    of_speaker = np.arange(speakers) % len(classes)
    centres = own * rng.normal(size=(speakers, 12))
    centres += apart * (np.arange(12) % len(classes) == of_speaker[:, None])
    speaker = np.repeat(np.arange(speakers), clips_each)
    return Clips(
        ids=np.array([f"{names[s]}/a{i % clips_each}" for i, s in enumerate(speaker)]),
        speakers=names[speaker],
        groups=names[speaker],
        labels=of_speaker[speaker],
        values=centres[speaker] + rng.normal(size=(len(speaker), 12)),
        classes=classes,
    )
