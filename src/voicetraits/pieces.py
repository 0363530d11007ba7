"""What each archive gave to a shard in the work store, so that a new shard takes it over instead of making it again.

A shard is a run of archives. When archives are added, the last shard grows, and an archive that comes in between shifts
all shards behind it; what is in them stays the same, archive by archive.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from voicetraits.store import Store

_FILE = "pieces.json"


def write_pieces(folder: Path, places: Mapping[str, int]) -> None:
    """Note in a shard's folder which pieces it holds: the key of each, and its place, which means what the caller says.

    The key stands for all that the piece was made from, as an entry's key does.
    """
    (folder / _FILE).write_text(json.dumps(places, indent=1))


def find_pieces(store: Store, kind: str, keys: Iterable[str]) -> dict[str, tuple[Path, int]]:
    """The entry that holds a piece, and its place there, for each key that some entry of this kind has."""
    wanted = set(keys)
    noted: dict[str, tuple[str, int]] = {}
    for entry in store.entries(kind):
        try:
            places = json.loads((entry / _FILE).read_text())
        except (OSError, ValueError):
            continue  # gone meanwhile, or damaged, which `get` notices when someone asks for it
        noted |= {key: (entry.name, place) for key, place in places.items() if key in wanted}
    entries = {name: store.get(kind, name) for name in sorted({name for name, _ in noted.values()})}
    return {key: (entries[name], place) for key, (name, place) in noted.items() if entries[name]}
