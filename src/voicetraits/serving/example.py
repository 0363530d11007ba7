"""An example to try at once: a voice that the demo corpus' model makes, no person's."""

import io
from functools import cache

import numpy as np
import soundfile

from voicetraits.corpora import demo

_SPEAKERS, _SEED = 24, 1


@cache
def example_wav() -> bytes:
    """A wav file of a few seconds."""
    submission = next(one for one in demo.plan(_SPEAKERS, _SEED) if not one.faults)
    file = io.BytesIO()
    samples = np.asarray(demo.render_clip(submission, 0, _SEED))
    soundfile.write(file, samples, demo.RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()
