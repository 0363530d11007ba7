"""What Praat says of a clip, by its own commands: the oracle of the voice features."""

from dataclasses import dataclass

import numpy as np
import parselmouth
from parselmouth.praat import call

from support.sounds import PARAMS, RATE_HZ

HOP_SECONDS = PARAMS.hop_length / RATE_HZ
JITTERS = {"jitter_local": "local", "jitter_rap": "rap", "jitter_ppq5": "ppq5"}
SHIMMERS = {"shimmer_local": "local", "shimmer_apq3": "apq3", "shimmer_apq11": "apq11"}
#: Shortest and longest period in seconds, largest ratio of neighbouring periods; and of neighbouring amplitudes.
_PERIODS, _AMPLITUDE_FACTOR = (0.0001, 0.02, 1.3), 1.6


@dataclass(frozen=True)
class PraatClip:
    """One clip in Praat's hands. Times are in samples from the first sample on."""

    samples: np.ndarray

    @property
    def sound(self) -> parselmouth.Sound:
        return parselmouth.Sound(self.samples.astype(np.float64), RATE_HZ)

    def pitch(
        self, low_hz: float = 75.0, high_hz: float = 600.0, hop_seconds: float | None = None
    ) -> parselmouth.Pitch:
        return self.sound.to_pitch(time_step=hop_seconds, pitch_floor=low_hz, pitch_ceiling=high_hz)

    def f0_hz(self, low_hz: float, high_hz: float) -> np.ndarray:
        """On this project's frames, 0 where unvoiced."""
        pitch = self.pitch(low_hz, high_hz, HOP_SECONDS)
        times = np.arange(1 + len(self.samples) // PARAMS.hop_length) * HOP_SECONDS
        nearest = np.rint((times - pitch.xs()[0]) / HOP_SECONDS).astype(int).clip(0, len(pitch.xs()) - 1)
        return pitch.selected_array["frequency"][nearest]

    def cycles(self, pitch: parselmouth.Pitch | None = None) -> parselmouth.Data:
        """The PointProcess of glottal cycles."""
        return call([self.sound, pitch or self.pitch()], "To PointProcess (cc)")

    def perturbation(self, cycles: parselmouth.Data) -> dict[str, float]:
        """Jitter and shimmer by feature; NaN where Praat has none."""
        sound = self.sound
        return {
            **{name: call(cycles, f"Get jitter ({kind})", 0, 0, *_PERIODS) for name, kind in JITTERS.items()},
            **{
                name: call([sound, cycles], f"Get shimmer ({kind})", 0, 0, *_PERIODS, _AMPLITUDE_FACTOR)
                for name, kind in SHIMMERS.items()
            },
        }

    def formants_hz(self, ceiling_hz: float = 5500.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Middles of frames in samples, (frames,); F1 to F4 and bandwidths there, (frames, 4), NaN if there is none."""
        formants = self.sound.to_formant_burg(time_step=HOP_SECONDS, maximum_formant=ceiling_hz)
        times = formants.xs()
        frequencies = [[formants.get_value_at_time(n, time) for n in range(1, 5)] for time in times]
        bandwidths = [[formants.get_bandwidth_at_time(n, time) for n in range(1, 5)] for time in times]
        return times * RATE_HZ - 0.5, np.array(frequencies), np.array(bandwidths)

    def hnr_db(self) -> dict[str, float]:
        """Mean and deviation of the harmonics-to-noise ratio, by feature."""
        harmonicity = self.sound.to_harmonicity_cc()
        commands = {"hnr_mean_db": "Get mean", "hnr_std_db": "Get standard deviation"}
        return {name: call(harmonicity, command, 0, 0) for name, command in commands.items()}

    def cepstral_peak_db(self, seconds: np.ndarray) -> np.ndarray:
        """Prominence of the smoothed cepstrum's peak at some times."""
        cepstrogram = call(self.sound, "To PowerCepstrogram", 60, HOP_SECONDS, 5000, 50)
        smoothed = call(cepstrogram, "Smooth", 0.02, 0.0005)
        slices = (call(smoothed, "To PowerCepstrum (slice)", time) for time in seconds)
        settings = (60, 330, "Parabolic", 0.001, 0.05, "Straight", "Robust")
        return np.array([call(one, "Get peak prominence", *settings) for one in slices])


def places(cycles: parselmouth.Data) -> np.ndarray:
    """A PointProcess' times, in samples."""
    count = call(cycles, "Get number of points")
    return np.array([call(cycles, "Get time from index", i + 1) for i in range(count)]) * RATE_HZ - 0.5


def pitch_of(f0_hz: np.ndarray, samples: int, folder) -> parselmouth.Pitch:
    """A Pitch object with this F0 on this project's frames, 0 where unvoiced; Praat makes them from text files only."""
    lines = [
        'File type = "ooTextFile"',
        'Object class = "Pitch 1"',
        "",
        "xmin = 0",
        f"xmax = {samples / RATE_HZ}",
        f"nx = {len(f0_hz)}",
        f"dx = {HOP_SECONDS}",
        f"x1 = {0.5 / RATE_HZ}",
        "ceiling = 600",
        "maxnCandidates = 1",
        "frame []:",
    ]
    for i, hz in enumerate(f0_hz, start=1):
        lines += [f"frame [{i}]:", "intensity = 1", "nCandidates = 1", "candidate []:", "candidate [1]:"]
        lines += [f"frequency = {hz:.17g}", f"strength = {float(hz > 0)}"]
    file = folder / "contour.Pitch"
    file.write_text("\n".join(lines) + "\n")
    return parselmouth.read(str(file))
