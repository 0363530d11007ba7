"""A progress bar over many sounds, where somebody looks."""

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

_Sound = TypeVar("_Sound")


def shown(sounds: Sequence[_Sound]) -> Iterator[_Sound]:
    """The same, with a bar on stderr where there are several and stderr is a terminal."""
    if len(sounds) < 2 or not sys.stderr.isatty():
        yield from sounds
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(sounds, "listening", console=Console(stderr=True), transient=True)
