"""What a net sees of a clip: the small protocol that every front end fulfils."""

from typing import ClassVar, Protocol

import numpy as np


class FrontEnd(Protocol):
    """Makes a net's input of a clip. Each is a frozen dataclass `FrontEnd` in a module of its own.

    Its fields are its settings: plain numbers, texts, booleans and None, which a saved net keeps, so that inference
    makes the very same input. Its `name` is that of the module, `front_ends/<name>.py`.

    Attributes:
        name: of the module.
        shape: of what it makes; None in the first place means time, which differs from clip to clip: `(None, 64)`.
        clip_seconds: the length to which it crops (from the middle) or pads a clip; None where it takes all of it.
        hop_seconds: from one row to the next, where time is ragged.
        has_bands: True where it makes (time, bands), of which training may mask stretches; else it may be missing.
    """

    name: ClassVar[str]

    @property
    def shape(self) -> tuple[int | None, ...]: ...

    @property
    def clip_seconds(self) -> float | None: ...

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Make the input of one clip; the same for the same samples, in any process and on any number of cores.

        Args:
            samples: (n,) float32 in −1…1 at 16 kHz, n 1 or more.

        Returns:
            float32 of `shape`, finite for silence and for clips shorter than a frame; where time is ragged, one row
            or more.
        """
