"""What `src/predict.py` and the command of an installed package share: options, and answers to all that is asked."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from voicetraits.errors import DataError
from voicetraits.inference import recording
from voicetraits.inference.annotations import write_labels, write_textgrid
from voicetraits.inference.asked import STDIN, expand, require_file
from voicetraits.inference.picture import write_picture
from voicetraits.inference.predictor import LONGEST_CLIP_SECONDS, Predictor
from voicetraits.inference.printing import Format, Printer, readable
from voicetraits.inference.progress import shown
from voicetraits.inference.rows import columns, failure, rows_of
from voicetraits.inference.sound import Sound

#: Stands for a recording where others have a path.
MICROPHONE = "microphone"

Sounds = Annotated[list[str] | None, typer.Argument(metavar="FILE…", help="files, folders, globs; - reads a pipe")]
Form = Annotated[Format, typer.Option("--format", help="how to print")]
Segments = Annotated[bool, typer.Option("--segments", help="answer by stretches of time")]
TextGrid = Annotated[Path | None, typer.Option(metavar="OUT", help="write segments for Praat")]
Labels = Annotated[Path | None, typer.Option(metavar="OUT", help="write segments for Audacity")]
Explain = Annotated[bool, typer.Option("--explain", help="name the features that moved each answer most")]
Plot = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT.png", help=f"draw the sound, its first {LONGEST_CLIP_SECONDS:g} s, and the answers over time"
    ),
]
Record = Annotated[float | None, typer.Option(min=0.5, max=600, metavar="SECONDS", help="hear the microphone")]
Save = Annotated[Path | None, typer.Option(metavar="OUT.wav", help="keep what was recorded")]


@dataclass(frozen=True)
class Wanted:
    """What is to come of each sound; see the options.

    Raises:
        typer.BadParameter: two of them do not go together.
    """

    form: Format
    segments: bool
    textgrid: Path | None
    labels: Path | None
    explain: bool
    plot: Path | None

    def __post_init__(self) -> None:
        if self.explain and self.form == Format.CSV:
            raise typer.BadParameter("--explain goes with --format table and json")


def sounds_of(names: list[str] | None, record: float | None, save: Path | None) -> dict[str, Sound]:
    """Sounds by the name under which they are printed; a recording is made now.

    Args:
        record: seconds to record instead of reading what `names` says.
        save: where to keep the recording.

    Raises:
        DataError: there is no microphone.
    """
    if record is None:
        return {path: sys.stdin.buffer if path == STDIN else path for path in expand(names or [])}
    samples = recording.record(record)
    if save is not None:
        recording.save(samples, save)
    return {MICROPHONE: (samples, recording.SAMPLE_RATE_HZ)}


def answer(predictor: Predictor, sounds: Mapping[str, Sound], wanted: Wanted) -> bool:
    """Print and write what is wanted of each sound; whether all could be read. One that cannot be is a row.

    Raises:
        ModelError: what is wanted cannot be had from these models; before the first sound.
    """
    if wanted.explain:
        predictor.require_explainable()
    classes = {target: one.config.classes for target, one in predictor.models.items()}
    printer = Printer(wanted.form, columns(classes, segments=wanted.segments))
    by_time = wanted.segments or wanted.textgrid is not None or wanted.labels is not None
    failed = False
    for path in shown(list(sounds)):
        name = readable(path)
        try:
            require_file(path)
            sound = sounds[path]
            if path == STDIN and (wanted.explain or wanted.plot is not None):
                sound = sound.read()  # what is listened to twice must be kept
            prediction = predictor(sound, segments=by_time)
            explanations = predictor.explain(sound) if wanted.explain else None
        except (DataError, OSError) as error:
            failed = True
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            printer.add([failure(name, reason)], {"path": name, "error": reason})
            continue
        if wanted.plot is not None:
            write_picture(predictor, sound, out_of(wanted.plot, path, ".png", len(sounds)), title=name)
        for out, write, suffix in (
            (wanted.textgrid, write_textgrid, ".TextGrid"),
            (wanted.labels, write_labels, ".txt"),
        ):
            if out is not None:
                write(prediction, out_of(out, path, suffix, len(sounds)))
        content = {"path": name, **prediction.as_dict()}
        printer.add(list(rows_of(name, prediction, segments=wanted.segments)), content, explanations)
    printer.close()
    return not failed


def out_of(out: Path, path: str, suffix: str, sounds: int) -> Path:
    """Where to write what belongs to a sound: to a folder, where there are several."""
    return out / f"{Path(path).stem}{suffix}" if sounds > 1 or out.is_dir() else out
