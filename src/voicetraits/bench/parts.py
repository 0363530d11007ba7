"""Where the time goes: which module of a family takes how much, and which step from an archive to its features."""

import cProfile
import pstats
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pyarrow.parquet as pq

from voicetraits.archive import read_members
from voicetraits.bench.timing import alternating
from voicetraits.extraction import extract, list_sources
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.featurizing import featurize
from voicetraits.quarantine import SetAside
from voicetraits.store import Store
from voicetraits.unpacking import ExtractParams, unpack

Item = TypeVar("Item")

#: All of VoxForge.
VOXFORGE_HOURS = 108.0
#: What it was reckoned to take at the least when the extractor was designed, from archives on two cores, with exact
#: pYIN and without the families of `voice`; and of one core, an audio second.
FLOOR_MINUTES = 3.6
FLOOR_MILLISECONDS = 1000 * 2 * FLOOR_MINUTES * 60 / (VOXFORGE_HOURS * 3600)
FLOOR = (
    "The floor, reckoned from the least that the parts of a prototype took, from archives to what librosa has too with "
    f"exact pYIN, is {FLOOR_MILLISECONDS:.2f} ms: {FLOOR_MINUTES:g} minutes for all of VoxForge on two cores."
)


def by_module(call: Callable[[Item], object], items: Iterable[Item], caller: ModuleType) -> dict[str, float]:
    """Seconds that the modules beside `caller` take of the calls that it makes of them, by the modules' names."""
    profile = cProfile.Profile()
    for item in items:
        profile.runcall(call, item)
    seconds: dict[str, float] = defaultdict(float)
    for (file, _, _), (*_, callers) in pstats.Stats(profile).stats.items():
        for (caller_file, _, _), (*_, cumulative) in callers.items():
            if caller_file == caller.__file__ and Path(file).parent == Path(caller_file).parent != Path(file):
                seconds[Path(file).stem] += cumulative
    del seconds[Path(caller.__file__).stem]
    return dict(sorted(seconds.items()))


def from_archives(
    raw: Path, extract_params: ExtractParams, featurize_params: FeaturizeParams, *, runs: int
) -> dict[str, Any]:
    """What each step from archives to features takes on one core, in this process.

    What cannot be timed by itself is the difference of two things that can.

    Args:
        raw: a folder as scrape leaves it.
        runs: how often each is timed; medians count.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        steps = _Steps(raw, folder, extract_params, featurize_params)
        steps.extract(None)  # the audio that is read below
        clips = pq.read_table(steps.audio / "clips.parquet", columns=["duration_seconds"])
        rivals = {
            name: getattr(steps, name) for name in ("inflate", "unpack", "extract", "read", "features", "featurize")
        }
        seconds = {name: statistics.median(took) for name, took in alternating(rivals, [None], runs=runs).items()}
    audio_seconds = sum(clips["duration_seconds"].to_pylist())
    of_parts = {
        "inflate": seconds["inflate"],
        "decode": seconds["unpack"] - seconds["inflate"],
        "check archives, write audio": seconds["extract"] - seconds["unpack"],
        "read audio": seconds["read"],
        "features": seconds["features"] - seconds["read"],
        "write features and log-mel": seconds["featurize"] - seconds["features"],
        "all": seconds["extract"] + seconds["featurize"],
    }
    return {
        "archives": len(list_sources(raw)),
        "audio_seconds": audio_seconds,
        "milliseconds_per_audio_second": {part: 1000 * took / audio_seconds for part, took in of_parts.items()},
    }


def render(figures: dict[str, Any]) -> list[str]:
    """The figures of `from_archives` as lines of Markdown."""
    milliseconds = figures["milliseconds_per_audio_second"]
    return [
        f"| part, {figures['archives']} archives, one core | milliseconds per audio second |",
        "| --- | --- |",
        *(f"| {part} | {took:.3f} |" for part, took in milliseconds.items()),
        "",
        f"{FLOOR} All parts take {milliseconds['all'] / FLOOR_MILLISECONDS:.1f} times as long.",
    ]


class _Steps:
    """The steps, each a function of nothing; every call has a work store of its own."""

    def __init__(
        self, raw: Path, folder: Path, extract_params: ExtractParams, featurize_params: FeaturizeParams
    ) -> None:
        self._raw, self._folder = raw, folder
        self._extract_params, self._featurize_params = extract_params, featurize_params
        self._archives: Sequence[Path] = [source.path for source in list_sources(raw)]
        self._extractor = FeatureExtractor(featurize_params)
        self._calls = 0
        self.audio = folder

    def inflate(self, _: None) -> None:
        for path in self._archives:
            with suppress(SetAside):
                for _ in read_members(path, self._extract_params.limits):
                    pass

    def unpack(self, _: None) -> None:
        for path in self._archives:
            with suppress(SetAside):
                unpack(path, self._extract_params)

    def extract(self, _: None) -> None:
        self.audio, store = self._new("audio"), Store(self._new("store"))
        extract(self._raw, self.audio, self._extract_params, store=store, workers=1)

    def read(self, _: None) -> None:
        for shard in self.audio.glob("part-*.parquet"):
            pq.read_table(shard)

    def features(self, _: None) -> None:
        for shard in self.audio.glob("part-*.parquet"):
            for samples in pq.read_table(shard, columns=["samples"])["samples"]:
                self._extractor.extract(samples.values.to_numpy())

    def featurize(self, _: None) -> None:
        out, store = self._new("features"), Store(self._new("store"))
        featurize(self.audio, out, self._featurize_params, store=store, workers=1)

    def _new(self, kind: str) -> Path:
        self._calls += 1
        folder = self._folder / f"{kind}-{self._calls}"
        folder.mkdir()
        return folder
