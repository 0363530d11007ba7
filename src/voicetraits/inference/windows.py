"""Cuts a stream of blocks into windows of one length, holding no more than a window and a block."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """A stretch of a sound.

    Attributes:
        start: its first sample's place in the sound.
        samples: (n,) int16.
    """

    start: int
    samples: np.ndarray

    @property
    def end(self) -> int:
        """The place behind its last sample."""
        return self.start + len(self.samples)


def cut(blocks: Iterable[np.ndarray], length: int) -> Iterator[Window]:
    """Windows of `length` samples behind one another; what is left at the end joins the last if under half of one.

    The same for any cut of the sound into blocks.
    """
    start, kept = 0, np.empty(0, np.int16)
    longest = length + (length - 1) // 2
    for block in blocks:
        kept = np.concatenate([kept, block])
        while len(kept) > longest:
            yield Window(start, kept[:length])
            start, kept = start + length, kept[length:]
    if len(kept) or not start:
        yield Window(start, kept)
