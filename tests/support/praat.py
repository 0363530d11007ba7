"""What Praat says of a clip, by its own commands: the oracle of the voice features."""

import itertools
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

#: Of the script of de Jong and Wempe: how far below the loudest silence is; how deep the dip behind a syllable.
_SILENCE_DB, _MIN_DIP_DB = 25.0, 2.0


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

    def rhythm(self) -> dict[str, float]:
        """Pauses and rates by feature, with the commands and settings of the script of de Jong and Wempe (2009)."""
        sound = self.sound
        intensity = call(sound, "To Intensity", 50, 0, "yes")
        loudest_db = call(intensity, "Get quantile", 0, 0, 0.99)
        highest_db = call(intensity, "Get maximum", 0, 0, "Parabolic")
        threshold_db = loudest_db - _SILENCE_DB
        silences = call(intensity, "To TextGrid (silences)", threshold_db - highest_db, 0.3, 0.1, "silent", "sounding")
        sounding = []
        for i in range(1, call(silences, "Get number of intervals", 1) + 1):
            if call(silences, "Get label of interval", 1, i) == "sounding":
                ends = (call(silences, f"Get {end} time of interval", 1, i) for end in ("start", "end"))
                sounding.append(tuple(ends))
        levels_db, times = intensity.values[0], intensity.xs()
        pitch = call(sound, "To Pitch (ac)", 0.02, 30, 4, "no", 0.03, 0.25, 0.01, 0.35, 0.25, 450)
        syllables = sum(
            any(start <= times[k] <= end for start, end in sounding)
            and not np.isnan(call(pitch, "Get value at time", times[k], "Hertz", "Linear"))
            for k in _peaks(levels_db, threshold_db)
        )
        pauses = [later[0] - earlier[1] for earlier, later in itertools.pairwise(sounding)]
        phonation = sum(end - start for start, end in sounding)
        return {
            "speech_share": float(np.mean(levels_db > threshold_db)),
            "pauses_per_second": len(pauses) / (sounding[-1][1] - sounding[0][0]) if sounding else np.nan,
            "pause_mean_seconds": float(np.mean(pauses)) if pauses else 0.0,
            "phonation_seconds": phonation,
            "speaking_rate_hz": syllables / sound.duration,
            "articulation_rate_hz": syllables / phonation if sounding else np.nan,
        }

    def cepstral_peak_db(self, seconds: np.ndarray) -> np.ndarray:
        """Prominence of the smoothed cepstrum's peak at some times."""
        cepstrogram = call(self.sound, "To PowerCepstrogram", 60, HOP_SECONDS, 5000, 50)
        smoothed = call(cepstrogram, "Smooth", 0.02, 0.0005)
        slices = (call(smoothed, "To PowerCepstrum (slice)", time) for time in seconds)
        settings = (60, 330, "Parabolic", 0.001, 0.05, "Straight", "Robust")
        return np.array([call(one, "Get peak prominence", *settings) for one in slices])


def _peaks(levels_db: np.ndarray, threshold_db: float) -> list[int]:
    """Peaks above the threshold that are followed by a dip of 2 dB before the next one, as that script counts them."""
    inner = np.arange(1, len(levels_db) - 1)
    tops = inner[(levels_db[inner] > levels_db[inner - 1]) & (levels_db[inner] >= levels_db[inner + 1])]
    tops = [k for k in tops if levels_db[k] > threshold_db]
    ends = [*tops[1:], len(levels_db)]
    return [k for k, end in zip(tops, ends, strict=True) if levels_db[k] - levels_db[k:end].min() > _MIN_DIP_DB]


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
