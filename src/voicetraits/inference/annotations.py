"""Segments as files that others open: Praat's TextGrid and Audacity's labels."""

from pathlib import Path

from voicetraits.files import written_aside
from voicetraits.inference.answers import Answer, Prediction


def write_textgrid(prediction: Prediction, path: Path) -> None:
    """Write Praat's TextGrid, a tier for each target; intervals say the label, or the refusal in brackets."""
    end = prediction.duration_seconds
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", f"{end:.6f}", "<exists>"]
    lines.append(str(len(prediction.segments)))
    for target, segments in prediction.segments.items():
        lines += ['"IntervalTier"', f'"{target}"', "0", f"{end:.6f}", str(len(segments))]
        for segment in segments:
            lines += [f"{segment.start_seconds:.6f}", f"{segment.end_seconds:.6f}", f'"{_text(segment.answer)}"']
    with written_aside(path) as aside:
        aside.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_labels(prediction: Prediction, path: Path) -> None:
    """Write Audacity's labels: begin, end and text of each segment, of all targets in time."""
    segments = [segment for own in prediction.segments.values() for segment in own]
    lines = [
        f"{segment.start_seconds:.6f}\t{segment.end_seconds:.6f}\t{segment.answer.target}: {_text(segment.answer)}"
        for segment in sorted(segments, key=lambda segment: (segment.start_seconds, segment.answer.target))
    ]
    with written_aside(path) as aside:
        aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _text(answer: Answer) -> str:
    return answer.label or f"({answer.refusal})"
