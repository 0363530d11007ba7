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
        absorption: share of the energy that a wall swallows, the same for all six and at all frequencies.
    """

    size_metres: Point
    speaker_metres: Point
    microphone_metres: Point
    absorption: float

    @property
    def eyring_rt60_seconds(self) -> float:
        """Reverberation time by Eyring's formula (1930), for sound that meets all walls alike.

        Here it is the shortest that one measures: sound along the long side meets fewer walls and stays longer.
        """
        length, width, height = self.size_metres
        surface = 2 * (length * width + length * height + width * height)
        return float(-0.161 * length * width * height / (surface * np.log(1 - self.absorption)))

    def impulse_response(self) -> np.ndarray:
        """(k,) float32 at 16 kHz, largest sample 1, 1.5 `eyring_rt60_seconds` long; images at the nearest sample."""
        seconds = 1.5 * self.eyring_rt60_seconds
        count, farthest = round(seconds * SAMPLE_RATE_HZ), seconds * _SOUND_METRES_PER_SECOND
        (x, x_walls), (y, y_walls), (z, z_walls) = (self._images(axis, farthest) for axis in range(3))
        reflection = np.sqrt(1 - self.absorption)  # of the pressure
        response = np.zeros(count)
        for height, walls in zip(z, z_walls, strict=True):  # a storey at a time, for the sake of memory
            metres = np.sqrt(x[:, None] ** 2 + y[None, :] ** 2 + height**2)
            pressure = reflection ** (x_walls[:, None] + y_walls[None, :] + walls) / (4 * np.pi * metres)
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
