"""How often a predictor refuses what it should: music, noise, silence, voices far too high or low; and clean speech."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from voicetraits.bench import recordings, strange_sounds
from voicetraits.bench.speech import clips_of_mirror
from voicetraits.examples import read_splits
from voicetraits.inference.predictor import Predictor
from voicetraits.unpacking import ExtractParams

_SECONDS = (2.0, 8.0)
#: To which the median F0 of a voice is moved, in Hz: no adult speaks there.
_TOO_HIGH_HZ, _TOO_LOW_HZ = (450.0, 700.0), (25.0, 45.0)
#: `unsure` is the model's own doubt about the class, and no judgement of the sound.
_DOUBT = "unsure"
#: What recordings of speech often have beside it: four times as long a silence, of a quiet room, ...
_SILENCE_SHARE, _SILENCE_DBFS = 0.8, -65.0
#: ... or an offset, as a share of full scale.
_OFFSET = 0.02


def measure(
    models: Sequence[Path],
    data: Path,
    mirror: Path | None,
    extract: ExtractParams,
    *,
    count: int,
    recorded: Path | None = None,
) -> dict[str, Any]:
    """Let each model answer on all kinds of sounds.

    Args:
        models: folders of saved models.
        data: the project's data folder, of the run in which they were trained: its test speakers are heard.
        mirror: archives of real speech, which none of them learnt from; may be None.
        count: sounds of each kind, at most.
        recorded: a folder with a folder of recordings for each kind of what is no speech; may be None.

    Returns:
        by model, target and kind: how many there are, share refused without and with `unsure`, and how often for which
        reason.

    Raises:
        DataError: `recorded` holds no recordings, or one that cannot be read; `mirror` holds no clips.
    """
    excerpts = {
        f"recorded {kind}": recordings.excerpts_of(files, count)
        for kind, files in (recordings.kinds_of(recorded) if recorded else {}).items()
    }
    figures: dict[str, Any] = {}
    for folder in models:
        predictor = Predictor(folder)
        figures[folder.name] = {target: {} for target in predictor.models}
        for kind, targets, sounds in _kinds(predictor, data, mirror, extract, count, excerpts):
            answers = [predictor((sound, strange_sounds.RATE_HZ)).answers for sound in sounds]
            for target in targets:
                reasons = [answer[target].refusal for answer in answers]
                figures[folder.name][target][kind] = _summed_up(reasons)
    return figures


def render(figures: dict[str, dict]) -> str:
    """A table for each model and target."""
    lines = [
        "## Refusals",
        "",
        "Sounds that should be refused, made on the spot or recorded, and clean speech, which should not. `unsure` is "
        "the model's doubt about the class, and is counted apart; real speech is another corpus than the one that was "
        "learnt.",
    ]
    for model, targets in figures.items():
        for target, kinds in targets.items():
            head = f"| {model}, {target} | sounds | refused | with `unsure` | reasons |"
            lines += ["", head, "| --- | --- | --- | --- | --- |"]
            for kind, found in kinds.items():
                reasons = ", ".join(f"{reason} {number}" for reason, number in found["reasons"].items())
                shares = f"{found['refused']:.3f} | {found['refused_or_unsure']:.3f}"
                lines.append(f"| {kind} | {found['sounds']} | {shares} | {reasons} |")
    return "\n".join(lines) + "\n"


def _kinds(
    predictor: Predictor,
    data: Path,
    mirror: Path | None,
    extract: ExtractParams,
    count: int,
    excerpts: Mapping[str, Sequence[np.ndarray]],
) -> Iterator[tuple[str, Sequence[str], Iterator[np.ndarray]]]:
    """Name of each kind, the targets that it counts for, and its sounds, (n,) float32."""
    every = list(predictor.models)
    for number, make in enumerate((strange_sounds.music, strange_sounds.noise, strange_sounds.silence)):
        rng = np.random.default_rng(number)
        yield make.__name__, every, (make(rng, rng.uniform(*_SECONDS)) for _ in range(count))
    for kind, sounds in excerpts.items():
        yield kind, every, iter(sounds)
    for target in every:
        speech = _test_clips(data, target, count)
        for kind, range_hz in (("too high", _TOO_HIGH_HZ), ("too low", _TOO_LOW_HZ)):
            yield kind, [target], _moved(predictor, speech, range_hz)
        yield "speech of test speakers", [target], iter(speech)
        yield "speech amid silence", [target], _amid_silence(speech)
        yield "speech with an offset", [target], (np.clip(clip + _OFFSET, -1, 1) for clip in speech)
    if mirror is not None:
        yield "real speech", every, iter(clips_of_mirror(mirror, extract, count))


def _moved(predictor: Predictor, speech: Sequence[np.ndarray], range_hz: tuple[float, float]) -> Iterator[np.ndarray]:
    """Each voice with its median F0 moved into a range, as on tape; upwards every other one keeps its formants.

    Downwards, overlap-add does not reach so far.
    """
    rng = np.random.default_rng(0)
    for number, clip in enumerate(speech):
        any_answer = next(iter(predictor((clip, strange_sounds.RATE_HZ)).answers.values()))
        f0_hz = any_answer.f0_median_hz
        if f0_hz:
            yield strange_sounds.moved(
                clip, rng.uniform(*range_hz) / f0_hz, formants=number % 2 == 0 or range_hz == _TOO_LOW_HZ
            )


def _amid_silence(speech: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Each clip somewhere in the hiss of a quiet room."""
    rng = np.random.default_rng(0)
    for clip in speech:
        room = strange_sounds.hiss(rng, round(len(clip) / (1 - _SILENCE_SHARE)), _SILENCE_DBFS)
        start = rng.integers(len(room) - len(clip))
        room[start : start + len(clip)] += clip
        yield room


def _test_clips(data: Path, target: str, count: int) -> list[np.ndarray]:
    """Clips of a target's test speakers, spread over them."""
    splits = read_splits(data / "splits.csv")
    speakers = splits[(splits["target"] == target) & (splits["side"] == "test")]["speaker_id"]
    metadata = pd.read_parquet(data / "metadata.parquet", columns=["utterance_id", "speaker_id"])
    ids = sorted(metadata[metadata["speaker_id"].isin(speakers)]["utterance_id"])
    wanted = {ids[i * len(ids) // count] for i in range(min(count, len(ids)))} if len(ids) > count else set(ids)
    clips = []
    for shard in sorted((data / "audio").glob("part-*.parquet")):
        found = pq.read_table(shard, filters=[("utterance_id", "in", wanted)])
        clips += [samples.values.to_numpy().astype(np.float32) / 32768 for samples in found["samples"]]
    return clips


def _summed_up(reasons: Sequence[str | None]) -> dict[str, Any]:
    counts = Counter(str(reason) for reason in reasons if reason)
    refused = sum(counts.values())
    return {
        "sounds": len(reasons),
        "refused": (refused - counts[_DOUBT]) / max(1, len(reasons)),
        "refused_or_unsure": refused / max(1, len(reasons)),
        "reasons": dict(sorted(counts.items())),
    }
