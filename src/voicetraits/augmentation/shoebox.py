"""Rooms with walls: impulse responses by the image source method (Allen & Berkley 1979)."""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from voicetraits.augmentation.spectra import SAMPLE_RATE_HZ

_SOUND_METRES_PER_SECOND = 343.0
#: Images are all positive and pile up to what no loudspeaker would give; as in the original, it is filtered out.
_HIGH_PASS_HZ = 80.0

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Shoebox:
    """A rectangular room with a speaker and a microphone in it.

    Attributes:
        size_metres: length, width, height.
        speaker_metres, microphone_metres: places, from one corner.
        rt60_seconds: reverberation time, from which the walls' absorption follows by Eyring's formula, the same for all
            six walls and at all frequencies.
    """

    size_metres: Point
    speaker_metres: Point
    microphone_metres: Point
    rt60_seconds: float

    @property
    def reflection(self) -> float:
        """How much of a wave's pressure each wall throws back: √(1 − absorption)."""
        length, width, height = self.size_metres
        surface = 2 * (length * width + length * height + width * height)
        return float(np.exp(-0.161 * length * width * height / (surface * self.rt60_seconds) / 2))

    def impulse_response(self) -> np.ndarray:
        """(k,) float32 at 16 kHz, `rt60_seconds` long; each image is a pulse at the nearest sample."""
        count = round(self.rt60_seconds * SAMPLE_RATE_HZ)
        farthest = self.rt60_seconds * _SOUND_METRES_PER_SECOND
        axes = [self._images(axis, farthest) for axis in range(3)]
        response = np.zeros(count)
        (x, x_walls), (y, y_walls), (z, z_walls) = axes
        for offset, walls in zip(z, z_walls, strict=True):  # a storey at a time, for the sake of memory
            metres = np.sqrt(x[:, None] ** 2 + y[None, :] ** 2 + offset**2)
            pressure = self.reflection ** (x_walls[:, None] + y_walls[None, :] + walls) / (4 * np.pi * metres)
            sample = np.rint(metres / _SOUND_METRES_PER_SECOND * SAMPLE_RATE_HZ).astype(int)
            heard = sample < count
            response += np.bincount(sample[heard], pressure[heard], minlength=count)
        high_pass = scipy.signal.butter(2, _HIGH_PASS_HZ, "highpass", fs=SAMPLE_RATE_HZ, output="sos")
        response = scipy.signal.sosfilt(high_pass, response)
        return (response / np.abs(response).max()).astype(np.float32)

    def _images(self, axis: int, farthest: float) -> tuple[np.ndarray, np.ndarray]:
        """Along one axis: how far each image of the speaker is from the microphone, and off how many walls."""
        size, speaker = self.size_metres[axis], self.speaker_metres[axis]
        most = int(np.ceil(farthest / (2 * size)))
        twice = np.arange(-most, most + 1)
        places = np.concatenate([2 * twice * size + speaker, 2 * twice * size - speaker])
        walls = np.concatenate([np.abs(2 * twice), np.abs(2 * twice - 1)])
        return places - self.microphone_metres[axis], walls
