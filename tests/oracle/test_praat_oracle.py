"""Voice features against Praat: on synthesised speech step by step, on real speech by the agreement of whole clips."""

import numpy as np
import pytest

from support.comparison import compare, with_praat
from support.praat import JITTERS, SHIMMERS, PraatClip, pitch_of, places
from support.sounds import PARAMS, RATE_HZ, noise
from support.voice import VOICE, demo_clips, mirror_clips
from voicetraits.features import perturbation
from voicetraits.features.formants import FormantTracker, frame_middles
from voicetraits.features.low_rate import LowRate

CYCLES = {"sample_rate_hz": RATE_HZ, "hop_length": PARAMS.hop_length}
NAMES = [feature.name for feature in perturbation.describe()]


@pytest.fixture(scope="module")
def clips():
    return demo_clips(4)


def test_glottal_cycles_along_the_same_contour(clips, tmp_path):
    """Nearly all are Praat's to a twentieth of a sample: only where a stretch begins or ends do a few differ."""
    matched, counts = 0, np.zeros(2, int)
    for clip in clips:
        f0_hz = np.nan_to_num(clip.f0_hz)
        own = perturbation.glottal_cycles(clip.samples, f0_hz, **CYCLES)
        praat = PraatClip(clip.samples)
        other = places(praat.cycles(pitch_of(f0_hz, len(clip.samples), tmp_path)))
        matched += (np.abs(own[:, None] - other).min(axis=0) < 0.05).sum()
        counts += len(own), len(other)
    assert counts[0] == pytest.approx(counts[1], rel=0.02)
    assert matched / counts[1] > 0.95


def test_jitter_and_shimmer_of_the_same_cycles(clips):
    for clip in clips:
        praat = PraatClip(clip.samples)
        cycles = praat.cycles()
        own = dict(zip(NAMES, perturbation.perturbation_statistics(clip.samples, places(cycles), RATE_HZ), strict=True))
        other = praat.perturbation(cycles)
        for name in SHIMMERS:
            assert own[name] == pytest.approx(other[name], rel=1e-6), name
        for name in JITTERS:
            # Praat's mean period may count one interval more at a stretch's end.
            assert own[name] == pytest.approx(other[name], rel=1e-2), name


def test_contour_of_glottal_cycles(clips):
    agreeing, medians = [], []
    for clip in clips:
        contour_hz, _ = VOICE._periodicity(
            VOICE._low_rate(clip.samples), VOICE._low_rate.places(np.arange(len(clip.f0_hz)) * PARAMS.hop_length)
        )
        other_hz = PraatClip(clip.samples).f0_hz(75.0, 600.0)
        agreeing.append(np.mean((contour_hz > 0) == (other_hz > 0)))
        medians.append([np.median(f0_hz[f0_hz > 0]) for f0_hz in (contour_hz, other_hz)])
    assert np.mean(agreeing) > 0.96
    for own_hz, other_hz in medians:
        assert own_hz == pytest.approx(other_hz, rel=0.01)


def test_formants_are_looked_at_where_praat_does():
    for samples in (8001, 8040, 12_345, 16_079, 60_159):  # with whole frames, Praat may round one away
        centres, _, _ = PraatClip(noise(samples / RATE_HZ).astype(np.float32)).formants_hz()
        own = frame_middles(samples, hop_length=PARAMS.hop_length, sample_rate_hz=RATE_HZ)
        assert len(own) == len(centres)
        np.testing.assert_allclose(own, centres, atol=1e-6)


def test_formants_of_the_same_low_rate_samples(clips):
    """From Praat's own samples at 11 kHz: what is left is where a frame's middle is rounded to."""
    for clip in clips:
        praat = PraatClip(clip.samples)
        centres, frequencies_hz, bandwidths_hz = praat.formants_hz()
        voiced = np.isin(np.rint(centres / PARAMS.hop_length), np.flatnonzero(~np.isnan(clip.f0_hz)))
        low = praat.sound.resample(11000, 50).values[0].astype(np.float32)
        places = np.rint((centres[voiced] + 0.5) / RATE_HZ * 11000 - 0.5).astype(int)
        own_hz, own_bandwidths_hz = FormantTracker(11000)(low, places)
        for found, other, limit in ((own_hz, frequencies_hz, 0.002), (own_bandwidths_hz, bandwidths_hz, 0.02)):
            errors = np.abs(found / other[voiced] - 1)
            assert np.nanmedian(errors) < limit
            assert np.nanquantile(errors, 0.9) < 10 * limit


@pytest.mark.parametrize("ceiling_hz", [5000.0, 5500.0])
def test_formants_frame_by_frame(clips, ceiling_hz):
    """From our own: the two resamplers differ next to half the low rate, to which linear prediction is sensitive."""
    rate = LowRate(RATE_HZ, 2 * ceiling_hz)
    for clip in clips:
        centres, frequencies_hz, _ = PraatClip(clip.samples).formants_hz(ceiling_hz)
        voiced = np.isin(np.rint(centres / PARAMS.hop_length), np.flatnonzero(~np.isnan(clip.f0_hz)))
        own_hz, _ = FormantTracker(rate.to_hz)(rate(clip.samples), rate.places(np.rint(centres[voiced]).astype(int)))
        errors = np.abs(own_hz / frequencies_hz[voiced] - 1)
        assert np.nanmedian(errors) < 0.005
        assert np.nanquantile(errors, 0.9) < 0.05


def test_synthesised_speech_as_a_whole(clips):
    agreements = compare(clips, [with_praat])
    for name in ("f1", "f2", "f3", "f4"):
        assert agreements[f"{name}_median_hz", "Praat"].relative_errors.max() < 0.02
    assert agreements["f0_median_hz", "Praat, frames that both call voiced"].relative_errors.max() < 0.01
    hnr = agreements["hnr_mean_db", "Praat"]
    assert np.abs(hnr.own - hnr.other).max() < 1.5
    for name in ("jitter_local", "shimmer_local"):
        # The two contours part at the edges of some voiced stretches, where cycles are least alike.
        assert agreements[name, "Praat"].relative_errors.max() < 0.25


@pytest.mark.slow
def test_real_speech(mirror, record_property):
    """One clip of each archive."""
    agreements = compare((clip for _, clip in mirror_clips(mirror)), [with_praat])
    for agreement in agreements.values():
        record_property(f"{agreement.feature} ({agreement.oracle})", str(agreement.row))
    for name in (*JITTERS, *SHIMMERS, "hnr_mean_db"):
        assert agreements[name, "Praat"].correlation >= 0.95, agreements[name, "Praat"].row
    for name in ("f1", "f2", "f3"):
        own = agreements[f"{name}_median_hz", "Praat"]
        # Beyond are clips whose F1 spread so wide that a frame or two move the median.
        assert np.mean(own.relative_errors < 0.05) > 0.98, own.row
        assert np.median(own.relative_errors) < 0.003, own.row
    # pYIN's steps are a tenth of a semitone, 0.6 %.
    f0 = agreements["f0_median_hz", "Praat, frames that both call voiced"]
    assert np.median(f0.relative_errors) < 0.01, f0.row
    assert agreements["cpp_mean_db", "Praat"].correlation >= 0.9
