"""Brings the selected archives of a corpus into one folder."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from voicetraits.corpus import SPACE_FACTOR, Archive, Corpus, Fetched, archive_stem, selection_order
from voicetraits.errors import DataError
from voicetraits.files import folder_anew, link_or_copy, write_csv
from voicetraits.parallel import Workers
from voicetraits.store import Store

#: Kinds of entries in the store: archives, and what later stages make of them.
_ARCHIVES = ("archive", "demo", "repacked")
_MADE_OF_ARCHIVES = ("audio", "features", "net-inputs", "stress")


def scrape(corpus: Corpus, key: str, folder: Path, *, store: Store, workers: Workers | int | None) -> dict[str, Any]:
    """Fill `folder` with exactly the selected archives, `manifest.csv` and `failed.csv`; what it counted.

    Args:
        corpus: where the archives come from.
        key: its section in params.yaml, for messages (`corpora.voxforge`).
        folder: replaced as a whole when everything is there.
        store: keeps every finished archive for later runs.
        workers: where the corpus makes its archives, if it does so itself; None for a process a core.

    Raises:
        DataError: the source cannot be read, the disk is too small, or too many archives cannot be had.
    """
    offered = corpus.list_archives()
    distinct, doubled = leave_out_doubles(offered)
    selected = select(distinct, corpus.limit)
    missing = [archive for archive in selected if not corpus.is_stored(archive, store)]
    needed = estimate_bytes(selected, missing)
    stored, made = store.bytes_of(*_ARCHIVES), store.bytes_of(*_MADE_OF_ARCHIVES)
    space = estimate_space(selected, missing, stored=stored, made=made)
    print(_announcement(len(offered), len(selected), len(missing), needed, space), flush=True)
    if space:
        require_space(space, [store.root, folder], key)

    with folder_anew(folder) as aside:
        fetched, failed = _fetch(corpus, selected, aside, store=store, workers=workers, key=key)
        sizes = {path.name: path.stat().st_size for path in aside.iterdir()}
        manifest = [(one.archive.name, one.archive.source, sizes[one.archive.name], one.sha256) for one in fetched]
        _write_table(manifest, ["name", "source", "bytes", "sha256"], aside / "manifest.csv")
        failures = [(one.archive.name, one.archive.source, one.failure) for one in [*failed, *doubled]]
        _write_table(failures, ["name", "source", "reason"], aside / "failed.csv")
    return {
        "archives_offered": len(offered),
        "archives_left_out": len(doubled),
        "archives_selected": len(selected),
        "archives": len(fetched),
        "archives_failed": len(failed),
        "bytes": sum(sizes.values()),
        **({"left_out": dict(sorted(corpus.left_out.items()))} if corpus.left_out else {}),
    }


def _fetch(
    corpus: Corpus, selected: Sequence[Archive], folder: Path, *, store: Store, workers: Workers | int | None, key: str
) -> tuple[list[Fetched], list[Fetched]]:
    """Link the selected archives into `folder` as they come; those that are there, and those that cannot be had."""
    fetched: list[Fetched] = []
    failed: list[Fetched] = []
    for result in corpus.fetch(selected, store=store, workers=workers):
        if result.failure:
            failed.append(result)
        else:
            fetched.append(result)
            # At once: a later clean-up of the store by another process cannot take it away.
            link_or_copy(result.path, folder / result.archive.name)
        # As soon as it is certain: a server in trouble is not asked for the rest.
        if len(failed) > corpus.max_failed_share * len(selected):
            raise DataError(_too_many(failed, len(selected), corpus.max_failed_share, key))
    if not fetched:
        raise DataError(_too_many(failed, len(selected), corpus.max_failed_share, key))
    return fetched, failed


def leave_out_doubles(archives: Sequence[Archive]) -> tuple[list[Archive], list[Fetched]]:
    """Of archives whose names differ in the packing only (`a.tgz`, `a.tar.gz`) the first; the others, with the reason.

    They would give clips of the same ids; and told apart by their whole names, those ids would change with `limit`.
    """
    kept: dict[str, Archive] = {}
    doubled = []
    for archive in sorted(archives, key=lambda archive: (archive.name, archive.source)):
        first = kept.setdefault(archive_stem(archive.name), archive)
        if first is not archive:
            doubled.append(Fetched(archive, failure=f"left out: {first.source} has the same name"))
    return list(kept.values()), doubled


def select(archives: Sequence[Archive], limit: int | None) -> list[Archive]:
    """The first `limit` archives (None: all) in `selection_order`."""
    return sorted(archives, key=lambda archive: selection_order(archive.name))[:limit]


def estimate_bytes(selected: Sequence[Archive], missing: Sequence[Archive]) -> int | None:
    """The size of the missing archives; those of unknown size count as the mean of the others. None: all unknown."""
    sizes = [archive.bytes for archive in selected if archive.bytes is not None]
    if not sizes:
        return None if missing else 0
    mean = sum(sizes) / len(sizes)
    return round(sum(mean if archive.bytes is None else archive.bytes for archive in missing))


def estimate_space(selected: Sequence[Archive], missing: Sequence[Archive], *, stored: int, made: int) -> int | None:
    """Bytes that all stages will still put on the disk; None where no size is known.

    That is the missing archives, and what is made of all that are selected, less what is made of them already. Of
    which archives something in the store was made, nobody can tell before they are read: it is shared out over all
    that the store holds by their size. Of an archive that is missing nothing can be there.

    Args:
        stored: bytes of all archives in the store, of this corpus or another.
        made: bytes of all that the store holds of what later stages made of archives.
    """
    to_fetch, whole = estimate_bytes(selected, missing), estimate_bytes(selected, selected)
    if to_fetch is None or whole is None:
        return None
    there, made_of_each = whole - to_fetch, mean_space_factor(selected) - 1
    made_of_these = min(made * min(1.0, there / stored) if stored else 0.0, there * made_of_each)
    return to_fetch + round(whole * made_of_each - made_of_these)


def mean_space_factor(archives: Sequence[Archive]) -> float:
    """Bytes that all stages put on the disk for each byte of the archives: the mean, weighted by size."""
    sizes = [1 if archive.bytes is None else archive.bytes for archive in archives]
    weighted = sum(size * archive.space_factor for size, archive in zip(sizes, archives, strict=True))
    return weighted / sum(sizes) if sum(sizes) else SPACE_FACTOR


def require_space(needed: int, folders: Sequence[Path], key: str) -> None:
    """Check that each folder's disk has `needed` bytes.

    Raises:
        DataError: a disk is too small; the message says what to do.
    """
    for folder in folders:
        there = next(path for path in [folder.absolute(), *folder.absolute().parents] if path.exists())
        free = shutil.disk_usage(there).free
        if free < needed:
            raise DataError(
                f"the disk of {folder} is too small: all stages need about {human_bytes(needed)}, {human_bytes(free)} "
                f"are free; free some space (`make clean`, `dvc gc --workspace`), let VOICETRAITS_CACHE name a folder "
                f"on a larger disk, or set {key}.limit in params.yaml lower"
            )


def human_bytes(count: float) -> str:
    """A number of bytes for people: `3.4 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def _announcement(offered: int, selected: int, missing: int, needed: int | None, space: int | None) -> str:
    text = f"scrape: {selected} of {offered} archives selected, {selected - missing} of them already stored"
    if not missing:
        text = f"{text}; nothing to fetch"
    elif needed is None:
        text = f"{text}; {missing} to fetch, of unknown size"
    else:
        text = f"{text}; {missing} to fetch, about {human_bytes(needed)}"
    return f"{text}; all stages will need about {human_bytes(space)} of disk" if space else text


def _too_many(failed: Sequence[Fetched], selected: int, max_failed_share: float, key: str) -> str:
    reason, count = Counter(one.failure for one in failed).most_common(1)[0]
    example = next(one.archive.source for one in failed if one.failure == reason)
    return (
        f"{len(failed)} of {selected} archives cannot be had ({key}.max_failed_share in params.yaml allows a share "
        f"of {max_failed_share:g}); most often ({count}, such as {example}): {reason}; run the same command again to "
        f"try once more, what is finished is kept, or raise that share"
    )


def _write_table(rows: Sequence[tuple], columns: list[str], path: Path) -> None:
    write_csv(pd.DataFrame(sorted(rows), columns=columns), path)
