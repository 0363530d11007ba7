"""What browsers may name in an upload's place: uploads, and nothing else on this machine or any other."""

from pathlib import Path
from typing import Any

from voicetraits.serving import uploads


def confine(blocks, folder: Path) -> None:
    """Check whatever a page's events are given before Gradio fetches, copies or reads any of it.

    Gradio takes a path for every input, be it a choice among words, and looks after paths only where it has launched
    the server itself.

    Args:
        blocks: of Gradio; changed.
        folder: of uploads.
    """
    preprocess = blocks.preprocess_data

    async def confined(block_fn, inputs: list[Any], *rest: Any, **named: Any) -> list[Any]:
        check(inputs, folder)
        return await preprocess(block_fn, inputs, *rest, **named)

    blocks.preprocess_data = confined  # on the page, since components are made anew for a session
    blocks.has_launched = True  # so that Gradio looks as well


def check(given: Any, folder: Path) -> None:
    """See that all files in JSON from a browser are uploads. One that is gone is none that anybody could read.

    Args:
        given: JSON as Python has it.
        folder: of uploads.

    Raises:
        ValueError: one is an address, or lies elsewhere, or is no plain file.
    """
    if isinstance(given, list):
        for one in given:
            check(one, folder)
    elif isinstance(given, dict):
        if given.get("path") is not None:
            _check_file(given, folder)
        for name, one in given.items():
            if name != "path":
                check(one, folder)


def _check_file(given: dict[str, Any], folder: Path) -> None:
    path = given["path"]
    if not isinstance(path, str) or given.get("is_stream"):
        raise ValueError("no path of a file in an upload's place")
    if "://" in path:
        raise ValueError("an address in an upload's place")
    if not uploads.is_within(Path(path), folder) or (Path(path).exists() and not Path(path).is_file()):
        raise ValueError("a path that is no upload's in an upload's place")
