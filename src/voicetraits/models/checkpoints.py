"""Checkpoints of a training in the work store: one file for each, replaced after each epoch, removed at the end."""

import io
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from voicetraits.store import Store

_STATE = "state"


@dataclass(frozen=True)
class Checkpoint:
    """What training goes on from.

    Attributes:
        state: numbers and lists of them, as JSON holds them.
        arrays: weights and the like, by name.
    """

    state: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


class Checkpoints:
    """The checkpoints of one run.

    A training that has ended keeps its last one until `remove`, so that a run that trains several models, killed, does
    not train the first ones again. What nobody goes on with for a month, `Store.trim` removes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._used: set[Path] = set()

    def read(self, key: str) -> Checkpoint | None:
        """The checkpoint of this key, or None. A damaged one is removed, with a line on stderr, and counts as none."""
        path = self._path(key)
        if not path.exists():
            return None
        digest, _, content = path.read_bytes().partition(b"\n")
        if sha256(content).hexdigest().encode() != digest:
            print(f"{path} is damaged; training starts anew", file=sys.stderr)
            path.unlink()
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            state = json.loads(str(arrays[_STATE]))
            return Checkpoint(state, {name: arrays[name] for name in arrays.files if name != _STATE})

    def write(self, key: str, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint of this key."""
        content = io.BytesIO()
        np.savez(content, **{_STATE: np.array(json.dumps(checkpoint.state))}, **checkpoint.arrays)
        digest = sha256(content.getvalue()).hexdigest().encode()
        # In a folder of our own: another process may train the same.
        with self._store.scratch() as folder:
            with open(folder / "checkpoint", "wb") as file:
                file.write(digest + b"\n" + content.getvalue())
            os.replace(folder / "checkpoint", self._path(key))

    def remove(self) -> None:
        """Remove the checkpoints that were read or written: what came of them has been saved."""
        for path in self._used:
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        path = self._store.partial / f"{key}.checkpoint"
        self._used.add(path)
        return path
