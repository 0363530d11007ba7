"""Several corpora as one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from voicetraits.corpus import Archive, Corpus, Fetched
from voicetraits.mixed_names import MIX, joined, parted
from voicetraits.parallel import Workers
from voicetraits.params import section
from voicetraits.scraping import select
from voicetraits.store import Store


@section
class MixParams:
    """Section `corpora.mix` of params.yaml."""

    of: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    limit: Annotated[int, Field(ge=1)] | None
    max_failed_share: Annotated[float, Field(ge=0, le=1)]
    sources: dict[str, str]


class Mix:
    """A corpus.Corpus over several, whose archives have the corpus's name before their own.

    Args:
        params: what params.yaml says of the mix.
        parts: name of a corpus: the corpus, with a limit of its own.
    """

    def __init__(self, params: MixParams, parts: Mapping[str, Corpus]) -> None:
        self.limit = params.limit
        self.max_failed_share = params.max_failed_share
        self._parts = parts

    @property
    def left_out(self) -> dict[str, int]:
        """As each corpus says, behind its name."""
        return {f"{name}_{kind}": count for name, part in self._parts.items() for kind, count in part.left_out.items()}

    def list_archives(self) -> list[Archive]:
        """Every archive that the corpora offer, of each as many as its own limit takes."""
        return [
            replace(archive, name=joined(name, archive.name))
            for name, part in self._parts.items()
            for archive in select(part.list_archives(), part.limit)
        ]

    def is_stored(self, archive: Archive, store: Store) -> bool:
        """Whether the corpus that the archive comes from has it in the store."""
        part, own = self._own(archive)
        return part.is_stored(own, store)

    def fetch(self, archives: Sequence[Archive], *, store: Store, workers: Workers | int | None) -> Iterator[Fetched]:
        """Fetch them, one corpus after the other."""
        for name, part in self._parts.items():
            of_part = [own for archive in archives for at, own in [self._own(archive)] if at is part]
            for result in part.fetch(of_part, store=store, workers=workers):
                yield replace(result, archive=replace(result.archive, name=joined(name, result.archive.name)))

    def _own(self, archive: Archive) -> tuple[Corpus, Archive]:
        """The corpus that an archive comes from, and the archive as it has it."""
        corpus, name = parted(MIX, archive.name)
        return self._parts[corpus], replace(archive, name=name)
