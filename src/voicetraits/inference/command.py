"""What `src/predict.py` and the command of an installed package share: options, and answers to all that is asked."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from voicetraits.errors import DataError
from voicetraits.inference import recording
from voicetraits.inference.annotations import write_labels, write_textgrid
from voicetraits.inference.answers import Prediction
from voicetraits.inference.asked import STDIN, expand, require_file
from voicetraits.inference.picture import require_drawing, write_picture
from voicetraits.inference.places import places_of, require_free
from voicetraits.inference.predictor import LONGEST_CLIP_SECONDS, Predictor
from voicetraits.inference.printing import Format, Printer, readable
from voicetraits.inference.progress import shown
from voicetraits.inference.rows import columns, failure, rows_of
from voicetraits.inference.sound import Sound, reason_of

#: Stands for a recording where others have a path.
MICROPHONE = "microphone"
_SEVERAL = "of several sounds, into the folder OUT"

Sounds = Annotated[list[str] | None, typer.Argument(metavar="FILE…", help="files, folders, globs; - reads a pipe")]
Form = Annotated[Format, typer.Option("--format", help="how to print")]
Segments = Annotated[bool, typer.Option("--segments", help="answer by stretches of time")]
TextGrid = Annotated[Path | None, typer.Option(metavar="OUT", help=f"write segments for Praat; {_SEVERAL}")]
Labels = Annotated[Path | None, typer.Option(metavar="OUT", help=f"write segments for Audacity; {_SEVERAL}")]
Explain = Annotated[bool, typer.Option("--explain", help="name the features that moved each answer most")]
Plot = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT.png",
        help=f"draw the sound, its first {LONGEST_CLIP_SECONDS:g} s, and the answers over time; {_SEVERAL}",
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
    record: float | None
    save: Path | None

    def __post_init__(self) -> None:
        if self.explain and self.form == Format.CSV:
            raise typer.BadParameter("--explain goes with --format table and json")
        if self.save is not None and self.record is None:
            raise typer.BadParameter("--save keeps what --record hears; it goes with --record only")

    @property
    def by_time(self) -> bool:
        """Whether segments are needed."""
        return self.segments or self.textgrid is not None or self.labels is not None


#: By option and sound.
Places = dict[str, dict[str, Path]]


def answer(predictor: Predictor, asked: Iterable[str], wanted: Wanted) -> bool:
    """Print and write what is wanted of each sound.

    A sound that cannot be read is a row, a file that cannot be written a line on stderr.

    Args:
        asked: files, folders and globs; without meaning where a recording is wanted, which is made now.

    Returns:
        whether all could be read and written.

    Raises:
        DataError: something stands where a file would be written, or there is no microphone; before the first sound.
        ModelError: what is wanted cannot be had from these models or on this machine; before the first sound.
    """
    if wanted.explain:
        predictor.require_explainable()
    if wanted.plot is not None:
        require_drawing()
    paths = list(expand(asked)) if wanted.record is None else [MICROPHONE]
    places = _places(paths, wanted)
    recorded = recording.record(wanted.record) if wanted.record is not None else None
    problems = []
    if wanted.save is not None:
        problems += _tried(wanted.save, recording.save, recorded, wanted.save)
    classes = {target: one.config.classes for target, one in predictor.models.items()}
    printer = Printer(wanted.form, columns(classes, segments=wanted.segments))
    try:
        for path in shown(paths):
            name = readable(path)
            try:
                sound = _opened(path, wanted) if recorded is None else (recorded, recording.SAMPLE_RATE_HZ)
                prediction = predictor(sound, segments=wanted.by_time)
                explanations = predictor.explain(sound) if wanted.explain else None
            except (DataError, OSError) as error:
                problems.append(path)
                printer.add([failure(name, reason_of(error))], {"path": name, "error": reason_of(error)})
                continue
            problems += _written(predictor, sound, prediction, path, places)
            content = {"path": name, **prediction.as_dict()}
            printer.add(list(rows_of(name, prediction, segments=wanted.segments)), content, explanations)
    except BaseException:
        with suppress(OSError):
            printer.close()  # what was printed stays whole
        raise
    printer.close()
    return not problems


def _places(paths: Sequence[str], wanted: Wanted) -> Places:
    """Where what belongs to each sound goes, all of it checked."""
    outs = {
        "--plot": (wanted.plot, ".png"),
        "--textgrid": (wanted.textgrid, ".TextGrid"),
        "--labels": (wanted.labels, ".txt"),
    }
    named = [path for path in paths if path]
    places = {option: places_of(out, suffix, named) for option, (out, suffix) in outs.items() if out is not None}
    checked = {option: own.values() for option, own in places.items()}
    if wanted.save is not None:
        checked["--save"] = [wanted.save]
    require_free(checked, named if wanted.record is None else [])
    return places


def _opened(path: str, wanted: Wanted) -> Sound:
    if path == STDIN:  # what is listened to twice must be kept
        return sys.stdin.buffer.read() if wanted.explain or wanted.plot is not None else sys.stdin.buffer
    require_file(path)
    return path


def _written(predictor: Predictor, sound: Sound, prediction: Prediction, path: str, places: Places) -> Iterator[Path]:
    """Write the files that belong to a sound; those that could not be."""
    for option, own in places.items():
        place = own[path]
        if option == "--plot":
            yield from _tried(place, write_picture, predictor, sound, place, title=readable(path))
        else:
            yield from _tried(
                place, {"--textgrid": write_textgrid, "--labels": write_labels}[option], prediction, place
            )


def _tried(place: Path, write: Callable[..., None], *arguments: Any, **options: Any) -> list[Path]:
    """Write a file; where it cannot be, say so and give its place back."""
    try:
        write(*arguments, **options)
    except (DataError, OSError) as error:
        print(f"{Path(sys.argv[0]).stem}: {readable(str(place))} is not written ({reason_of(error)})", file=sys.stderr)
        return [place]
    return []
