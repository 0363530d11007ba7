"""How often a predictor refuses what it should: music, noise, silence, voices far too high or low; and clean speech."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from voicetraits.augmentation.noise import add_noise
from voicetraits.bench import recordings, strange_sounds
from voicetraits.bench.speech import clips_of_mirror
from voicetraits.examples import read_splits, select_clips
from voicetraits.inference.answers import Answer
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
#: White noise beside speech: signal-to-noise ratios in dB.
_NOISES_DB = (20, 15, 10, 5, 0)


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
        by model, target and kind: how many there are, share refused without and with `unsure`, how often for which
        reason, and, where the speaker's class is known, the share that gets a wrong answer.

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
        for kind, targets, sounds, labels in _kinds(predictor, data, mirror, extract, count, excerpts):
            answers = [predictor((sound, strange_sounds.RATE_HZ)).answers for sound in sounds]
            for target in targets:
                figures[folder.name][target][kind] = _summed_up([answer[target] for answer in answers], labels)
    return figures


def render(figures: dict[str, dict]) -> str:
    """A table for each model and target."""
    lines = [
        "## Refusals",
        "",
        "Sounds that should be refused, made on the spot or recorded, and clean speech, which should not. `unsure` is "
        "the model's doubt about the class, and is counted apart; real speech is another corpus than the one that was "
        "learnt. `wrong` is the share of all sounds that get an answer, and a wrong one.",
    ]
    for model, targets in figures.items():
        for target, kinds in targets.items():
            head = f"| {model}, {target} | sounds | refused | with `unsure` | wrong | reasons |"
            lines += ["", head, "| --- | --- | --- | --- | --- | --- |"]
            for kind, found in kinds.items():
                reasons = ", ".join(f"{reason} {number}" for reason, number in found["reasons"].items())
                wrong = f"{found['wrong']:.3f}" if "wrong" in found else ""
                shares = f"{found['refused']:.3f} | {found['refused_or_unsure']:.3f} | {wrong}"
                lines.append(f"| {kind} | {found['sounds']} | {shares} | {reasons} |")
    return "\n".join(lines) + "\n"


def _kinds(
    predictor: Predictor,
    data: Path,
    mirror: Path | None,
    extract: ExtractParams,
    count: int,
    excerpts: Mapping[str, Sequence[np.ndarray]],
) -> Iterator[tuple[str, Sequence[str], Iterator[np.ndarray], Sequence[str] | None]]:
    """Name of each kind, the targets that it counts for, its sounds, (n,) float32, and their classes, if they have."""
    every = list(predictor.models)
    for number, make in enumerate((strange_sounds.music, strange_sounds.noise, strange_sounds.silence)):
        rng = np.random.default_rng(number)
        yield make.__name__, every, (make(rng, rng.uniform(*_SECONDS)) for _ in range(count)), None
    for kind, sounds in excerpts.items():
        yield kind, every, iter(sounds), None
    for target in every:
        speech, labels = _test_clips(data, target, count)
        for kind, range_hz in (("too high", _TOO_HIGH_HZ), ("too low", _TOO_LOW_HZ)):
            yield kind, [target], _moved(predictor, speech, range_hz), None
        yield "speech of test speakers", [target], iter(speech), labels
        yield "speech amid silence", [target], _amid_silence(speech), labels
        yield "speech with an offset", [target], (np.clip(clip + _OFFSET, -1, 1) for clip in speech), labels
        for snr_db in _NOISES_DB:
            yield f"speech in noise, {snr_db} dB", [target], _in_noise(speech, snr_db), labels
    if mirror is not None:
        yield "real speech", every, iter(clips_of_mirror(mirror, extract, count)), None


def _in_noise(speech: Sequence[np.ndarray], snr_db: float) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    return (add_noise(clip, snr_db, 0.0, rng) for clip in speech)


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


def _test_clips(data: Path, target: str, count: int) -> tuple[list[np.ndarray], list[str]]:
    """Clips of a target's test speakers, spread over them, and their classes."""
    splits = read_splits(data / "splits.csv")
    metadata = pd.read_parquet(data / "metadata.parquet")
    parts = [select_clips(metadata, splits, target, fold, "test") for fold in sorted(splits["fold"].unique())]
    label_of = pd.concat(parts).drop_duplicates("utterance_id").set_index("utterance_id")["label"].sort_index()
    ids = list(label_of.index)
    wanted = {ids[i * len(ids) // count] for i in range(count)} if len(ids) > count else set(ids)
    clips, labels = [], []
    for shard in sorted((data / "audio").glob("part-*.parquet")):
        found = pq.read_table(shard, filters=[("utterance_id", "in", wanted)])
        clips += [samples.values.to_numpy().astype(np.float32) / 32768 for samples in found["samples"]]
        labels += label_of.loc[found["utterance_id"].to_pylist()].to_list()
    return clips, labels


def _summed_up(answers: Sequence[Answer], labels: Sequence[str] | None) -> dict[str, Any]:
    counts = Counter(str(answer.refusal) for answer in answers if answer.refusal)
    refused, sounds = sum(counts.values()), max(1, len(answers))
    found = {
        "sounds": len(answers),
        "refused": (refused - counts[_DOUBT]) / sounds,
        "refused_or_unsure": refused / sounds,
        "reasons": dict(sorted(counts.items())),
    }
    if labels is not None:
        wrong = [answer.label not in (None, label) for answer, label in zip(answers, labels, strict=True)]
        found["wrong"] = sum(wrong) / sounds
    return found
