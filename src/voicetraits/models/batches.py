"""Batches of clips for a net: drawn anew in each epoch from seed and epoch alone, padded where lengths differ."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from voicetraits.augmentation.masking import crop, mask
from voicetraits.augmentation.params import AugmentParams
from voicetraits.front_ends.front_end import FrontEnd
from voicetraits.models.rows import Rows

#: Batches are cut from so many batches' clips, sorted by length, so that little is padded.
_SORTED_TOGETHER = 8
#: Padded lengths are multiples of it: with few different shapes, TensorFlow prepares less.
_STEP = 16
#: Frames of all clips of a batch, padding with them, where clips are whole: 160 s of log-mel.
_MOST_ROWS = 16_000


@dataclass(frozen=True)
class Batch:
    """Some clips, or rows of clips.

    Attributes:
        values: (b, …) or, where time is ragged, (b, time, …) float32, zeros behind a clip's end.
        mask: (b, time) float32, 1 for a frame, 0 for padding; None where there is nothing to pad.
        numbers: (b,) which clip each example is, or is a row of.
    """

    values: np.ndarray
    mask: np.ndarray | None
    numbers: np.ndarray


@dataclass(frozen=True)
class Batches:
    """Batches of one side of a split.

    Attributes:
        rows: the clips with labels and weights.
        front_end: made them.
        size: clips in a batch at most.
        by_row: each row of a clip is an example.
        devices: how many share a batch in training: there, its size is a multiple of it, by some clips that come twice.
    """

    rows: Rows
    front_end: FrontEnd
    size: int
    by_row: bool
    devices: int = 1

    @property
    def has_mask(self) -> bool:
        """Whether clips are padded."""
        return self.front_end.shape[0] is None and not self.by_row

    @property
    def example_shape(self) -> tuple[int | None, ...]:
        """Of what `values` of a batch holds for each example."""
        return self.front_end.shape[1:] if self.by_row else self.front_end.shape

    def in_order(self) -> Iterator[Batch]:
        """All clips once, whole and unchanged, sorted by length."""
        clips = self.rows.features
        if not self.by_row:
            lengths = clips.lengths
            for part in _cut(np.argsort(lengths, kind="stable"), self.size):
                # Long clips in fewer at a time: nothing is cropped here, and memory grows with the longest.
                together = max(1, min(self.size, _MOST_ROWS // int(lengths[part[-1]])))
                for some in _cut(part, together):
                    yield self._batch([clips[number] for number in some], some)
            return
        for number in range(len(clips)):
            for values in _cut(clips[number], self.size):
                yield Batch(values, None, np.full(len(values), number))

    def of_epoch(self, epoch: int, *, params: AugmentParams, seed: int) -> tuple[int, Iterator[Batch]]:
        """Number of batches of an epoch, and these: clips in random order, each in a version, cropped and masked."""
        rng = np.random.default_rng([seed, epoch])
        clips = self.rows.features
        values = [clips.drawn(number, rng) for number in range(len(clips))]
        if self.front_end.shape[0] is None:
            values = [crop(value, params.crop, rng, hop_seconds=self.front_end.hop_seconds) for value in values]
        if self.by_row:
            numbers = np.repeat(np.arange(len(values)), [len(value) for value in values])
            places = np.concatenate([np.arange(len(value)) for value in values])
            parts = [self._shared(part) for part in _cut(rng.permutation(len(numbers)), self.size)]
            return len(parts), (self._batch_of_rows(values, numbers[part], places[part]) for part in parts)
        parts = self._in_random_order(np.array([len(value) for value in values]), rng)
        return len(parts), (self._masked_batch(values, part, params, rng) for part in parts)

    def _in_random_order(self, lengths: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Numbers of the clips of each batch; clips of a batch are about equally long."""
        order = rng.permutation(len(lengths))
        parts = []
        for some in _cut(order, self.size * _SORTED_TOGETHER):
            parts += _cut(some[np.argsort(lengths[some], kind="stable")], self.size)
        return [self._shared(parts[place]) for place in rng.permutation(len(parts))]

    def _shared(self, part: np.ndarray) -> np.ndarray:
        return np.resize(part, -(-len(part) // self.devices) * self.devices)

    def _batch_of_rows(self, values: list[np.ndarray], numbers: np.ndarray, places: np.ndarray) -> Batch:
        rows = [values[number][place] for number, place in zip(numbers, places, strict=True)]
        return Batch(np.stack(rows), None, numbers)

    def _masked_batch(
        self, values: list[np.ndarray], numbers: np.ndarray, params: AugmentParams, rng: np.random.Generator
    ) -> Batch:
        chosen = [values[number] for number in numbers]
        if getattr(self.front_end, "has_bands", False):
            hop_seconds = self.front_end.hop_seconds
            chosen = [mask(value, params.mask, rng, hop_seconds=hop_seconds) for value in chosen]
        return self._batch(chosen, numbers)

    def _batch(self, values: list[np.ndarray], numbers: np.ndarray) -> Batch:
        if self.front_end.shape[0] is not None:
            return Batch(np.stack(values), None, numbers)
        lengths = np.array([len(value) for value in values])
        longest = -(-lengths.max() // _STEP) * _STEP
        padded = np.zeros((len(values), longest, *values[0].shape[1:]), np.float32)
        for place, value in enumerate(values):
            padded[place, : len(value)] = value
        return Batch(padded, (np.arange(longest) < lengths[:, None]).astype(np.float32), numbers)


def _cut(values: np.ndarray, size: int) -> list[np.ndarray]:
    """Consecutive parts of up to `size`, as equal as can be.

    A last one with what is left may be a single clip: too little for norms over a batch, or for several GPUs to share.
    """
    return np.array_split(values, -(-len(values) // size))
