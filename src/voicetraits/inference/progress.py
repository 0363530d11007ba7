"""A progress bar over many sounds, where somebody looks."""

import sys
from collections.abc import Iterator, Sequence


def shown(paths: Sequence[str]) -> Iterator[str]:
    """The paths, with a bar on stderr where there are several and stderr is a terminal."""
    if len(paths) < 2 or not sys.stderr.isatty():
        yield from paths
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(paths, "listening", console=Console(stderr=True), transient=True)
