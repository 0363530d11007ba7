"""Where a net listens whose input is no picture of time and bands: what it loses with a part of the sound.

Occlusion (Zeiler & Fergus 2014), not of the input but of the sound that it is made from, so that it is the same for
nets that see cepstra, a picture of them, the signal itself or statistics of the whole clip. (inference/occlusion.py
hides log-mel cells, for the picture of a single answer.)
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import ShortTimeFFT, get_window

from voicetraits.explaining.class_maps import ClipMap, Saliency, SaliencyParams, averaged
from voicetraits.explaining.faithfulness import score_drops
from voicetraits.explaining.gradients import centred_logit, keras, probabilities
from voicetraits.explaining.held_out import Intervals
from voicetraits.features.filter_banks import mel_edges_hz
from voicetraits.front_ends.clips import SAMPLE_RATE_HZ, fit_length
from voicetraits.front_ends.front_end import FrontEnd

#: Cells: steps of time, from begin to end of a clip, and bands of equal width in mel.
STEPS, BANDS = 8, 8
_WINDOW, _HOP = 512, 128
#: A cell is gone where it is as quiet as the band is for so much of the clip: in its pauses, or nearly.
_QUIET = 0.1
_METHOD = "occlusion"
#: Bounds the memory, however long a clip is.
_SOUNDS_AT_A_TIME = 16


class CellsOfSound:
    """A sound of which cells of time and bands can be taken away."""

    def __init__(self, samples: np.ndarray) -> None:
        """Cut up (n,) float32 samples at 16 kHz."""
        self._samples = len(samples)
        self._transform = ShortTimeFFT(get_window("hann", _WINDOW), _HOP, SAMPLE_RATE_HZ)
        # Zeros behind a sound that is shorter than a window.
        self._spectrum = self._transform.stft(np.pad(samples, (0, max(0, _WINDOW - len(samples)))))  # (bins, frames)
        size = np.abs(self._spectrum)
        level = np.quantile(size, _QUIET, axis=1, keepdims=True)
        self._quiet = self._spectrum * np.divide(level, size, out=np.ones_like(size), where=size > level)
        bins, frames = self._spectrum.shape
        middles = (np.arange(frames) + self._transform.p_min) * _HOP
        self._step = np.clip(middles * STEPS // len(samples), 0, STEPS - 1).astype(int)  # (frames,)
        inner_edges_hz = mel_edges_hz(SAMPLE_RATE_HZ / 2, BANDS)[1:-1]
        self._band = np.searchsorted(
            inner_edges_hz, np.arange(bins) * SAMPLE_RATE_HZ / _WINDOW, side="right"
        )  # (bins,)

    def keeping(self, kept: np.ndarray) -> np.ndarray:
        """(STEPS, BANDS) bool, the cells that stay -> (n,) float32."""
        of_bins = kept.T[self._band][:, self._step]  # (bins, frames)
        sound = self._transform.istft(np.where(of_bins, self._spectrum, self._quiet), k1=max(self._samples, _WINDOW))
        return sound[: self._samples].astype(np.float32)


def occlude_sounds(
    models: Sequence[keras.Model],
    sounds: Sequence[np.ndarray],
    front_end: FrontEnd,
    intervals: Intervals,
    settings: SaliencyParams,
    *,
    seed: int,
) -> Saliency:
    """Look at clips through the net that has not learnt from them, once without each cell.

    Args:
        models: the net of each clip's fold.
        sounds: of each clip, (n,) float32 at 16 kHz.
        front_end: makes the nets' input of a sound. If it is of fixed length, only the middle that it sees is cut up.
        intervals: over these clips.
    """
    maps = []
    labels = intervals.clips.labels.tolist()
    for number, (model, sound, label) in enumerate(zip(models, sounds, labels, strict=True)):
        cells = CellsOfSound(_seen(sound, front_end))

        def score(kept: np.ndarray, model=model, cells=cells, label=label) -> np.ndarray:
            """(k, STEPS, BANDS), 1 where a cell stays -> (k,)."""
            parts = np.array_split(kept, -(-len(kept) // _SOUNDS_AT_A_TIME))
            return np.concatenate(
                [_scores(model, [front_end(cells.keeping(one > 0)) for one in part], label) for part in parts]
            )

        all_cells = np.ones((STEPS, BANDS), np.float32)
        but_one = 1 - np.eye(all_cells.size, dtype=np.float32).reshape(-1, *all_cells.shape)
        whole, *without = score(np.concatenate([all_cells[None], but_one]))
        lost = (whole - np.array(without)).reshape(all_cells.shape)
        drops = score_drops(
            score,
            all_cells,
            lost,
            baseline=np.zeros(BANDS, np.float32),
            share=settings.masked_share,
            repeats=settings.random_masks,
            rng=np.random.default_rng([seed, number]),
        )
        maps.append(ClipMap(lost, *drops, lost.max() <= 0))
    return averaged({_METHOD: maps}, {_METHOD: "mean"}, intervals, settings)


def _seen(sound: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """The part of a sound that the front end makes anything of."""
    length = round(front_end.clip_seconds * SAMPLE_RATE_HZ) if front_end.clip_seconds else len(sound)
    return fit_length(sound, min(length, len(sound)))


def _scores(model: keras.Model, seen: Sequence[np.ndarray], label: int) -> np.ndarray:
    """Centred logit of a class for inputs of one shape, (n,)."""
    # A net that sees single rows has no time axis: the clip's rows are its batch, and their mean is the answer.
    if seen[0].ndim == len(model.inputs[0].shape):
        of_rows = probabilities(model, np.concatenate(seen))
        of_clips = of_rows.reshape(len(seen), -1, of_rows.shape[1]).mean(axis=1)
    else:
        of_clips = probabilities(model, np.stack(seen))
    return centred_logit(of_clips, label)
