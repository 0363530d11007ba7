"""A voice with other pitch, other formants, another pace.

Pitch and pace change by PSOLA (pitch-synchronous overlap-add, Moulines & Charpentier 1990) as Praat does it: cycles of
the voice are set closer together or further apart, left out or repeated, and keep their shape, so that formants stay
where they are. Formants move by resampling, which takes pitch and pace along.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import parselmouth
import soxr
from parselmouth.praat import call

from voicetraits.augmentation.sampling import of_length
from voicetraits.augmentation.spectra import SAMPLE_RATE_HZ

#: Where Praat looks for the pitch of a voice.
_MIN_HZ, _MAX_HZ = 60.0, 500.0
_HOP_SECONDS = 0.01
#: Praat looks for pitch in windows of three periods of the lowest.
_SHORTEST_SECONDS = 3 / _MIN_HZ
_SEED_PRAAT = "random_initializeWithSeedUnsafelyButPredictably (1)"


def semitones(count: float) -> float:
    """The ratio of two frequencies that lie this many semitones apart."""
    return 2 ** (count / 12)


@dataclass(frozen=True)
class Voice:
    """A clip whose pitch Praat analyses once, however many changes are made of it.

    Attributes:
        samples: (n,) float32 at 16 kHz.
    """

    samples: np.ndarray

    def change(self, *, pitch: float = 1.0, formants: float = 1.0, speed: float = 1.0) -> np.ndarray:
        """The same words in another voice.

        What has no pitch (pauses, whispers, `s`) is set to the new pace only. A clip shorter than 50 ms, in which Praat
        cannot look for pitch, comes back as it is.

        Args:
            pitch: ratio of new to old F0.
            formants: ratio of new to old formant frequencies.
            speed: ratio of new to old pace.

        Returns:
            (round(n / speed),) float32; may leave full scale a little, see `levels.limit`.
        """
        if len(self.samples) < _SHORTEST_SECONDS * SAMPLE_RATE_HZ:
            return self.samples
        # Resampling by `formants` takes pitch and pace along; overlap-add does what is left to do, before.
        changed = self._overlap_add(pitch / formants, formants / speed)
        if formants != 1:
            changed = soxr.resample(changed, formants, 1.0, quality="HQ")
        return of_length(changed, max(1, round(len(self.samples) / speed)))

    @property
    def is_voiced(self) -> bool:
        """Whether Praat finds a pitch in it, which `change` can move."""
        if len(self.samples) < _SHORTEST_SECONDS * SAMPLE_RATE_HZ:
            return False
        return call(call(self._analysis, "Extract pitch tier"), "Get number of points") > 0

    @cached_property
    def _analysis(self) -> parselmouth.Data:
        sound = parselmouth.Sound(self.samples.astype(np.float64), SAMPLE_RATE_HZ)
        return call(sound, "To Manipulation", _HOP_SECONDS, _MIN_HZ, _MAX_HZ)

    def _overlap_add(self, pitch: float, duration: float) -> np.ndarray:
        if pitch == duration == 1:
            return self.samples
        manipulation = self._analysis.copy()
        if pitch != 1:
            tier = call(manipulation, "Extract pitch tier")
            call(tier, "Multiply frequencies", 0, len(self.samples) / SAMPLE_RATE_HZ, pitch)
            call([tier, manipulation], "Replace pitch tier")
        if duration != 1:
            tier = call(manipulation, "Extract duration tier")
            call(tier, "Add point", 0, duration)
            call([tier, manipulation], "Replace duration tier")
        # Where sound without pitch becomes longer, Praat repeats stretches of it that it draws at random.
        parselmouth.praat.run(_SEED_PRAAT)
        return call(manipulation, "Get resynthesis (overlap-add)").values[0].astype(np.float32)
