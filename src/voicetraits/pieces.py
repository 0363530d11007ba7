"""What each archive gave to a shard in the work store, so that a new shard takes it over instead of making it again.

A shard is a run of archives. When archives are added, the last shard grows, and an archive that comes in between shifts
all shards behind it; what is in them stays the same, archive by archive.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from voicetraits.store import Store

_FILE = "pieces.json"


def write_pieces(folder: Path, places: Mapping[str, int]) -> None:
    """Note in a shard's folder which pieces it holds: the key of each, and its place, which means what the caller says.

    The key stands for all that the piece was made from, as an entry's key does.
    """
    (folder / _FILE).write_text(json.dumps(places, indent=1))


class Pieces:
    """What the store's entries of a kind hold; an entry is checked when the first of its pieces is asked for."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store, self._kind = store, kind
        self._noted: dict[str, tuple[str, int]] = {}
        for entry in store.entries(kind):
            # Else it is gone meanwhile, or damaged, which `get` notices when someone asks for it.
            with suppress(OSError, ValueError):
                places = json.loads((entry / _FILE).read_text())
                self._noted |= {key: (entry.name, place) for key, place in places.items()}
        self._entries: dict[str, Path | None] = {}

    def find(self, key: str) -> tuple[Path, int] | None:
        """The entry that holds a piece, and its place there; None where no entry does."""
        if key not in self._noted:
            return None
        name, place = self._noted[key]
        if name not in self._entries:
            self._entries[name] = self._store.get(self._kind, name)
        entry = self._entries[name]
        return (entry, place) if entry else None
