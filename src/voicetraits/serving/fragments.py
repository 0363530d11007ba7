"""The parts of the page as HTML. Whatever comes from outside is escaped."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from voicetraits.serving import words
from voicetraits.serving.tasks import Looked

#: Of classes in the order of the model: distinct for the colour-blind (after Okabe & Ito 2008), and white on each is
#: readable (a contrast of 4.5 or more).
_COLOURS = ("#005b96", "#a63c00", "#006b4f", "#8a3a6d", "#6b5d00", "#4a4a4a")
_REFUSED = "#767676"


def answers(
    prediction: Mapping[str, Any],
    classes: Mapping[str, Sequence[str]],
    *,
    name: str,
    model: str,
    labels: Mapping[str, str],
    remark: str = "",
) -> str:
    """What was heard in a sound.

    Args:
        prediction: `Prediction.as_dict()`.
        classes: of each target.
        name: of the sound.
        model: that was asked.
        labels: classes in words, as `words.labels_of`.
        remark: what must be known of all its answers.
    """
    told = "".join(_answer(answer, classes[target], labels) for target, answer in prediction["answers"].items())
    length = words.seconds_of(prediction["duration_seconds"])
    any_answer = next(iter(prediction["answers"].values()))
    pitch = any_answer["f0_median_hz"]
    heard = f"speech in {any_answer['speech_share']:.0%} of it" + (f", median pitch {pitch:.0f} Hz" if pitch else "")
    segments = prediction["segments"]
    timeline = _timeline(prediction, classes) if any(len(own) > 1 for own in segments.values()) else ""
    remarked = f'<p class="remark">{escape(remark)}</p>' if remark else ""
    return (
        f'<div class="vt"><small>{escape(name)}: {length}, {heard}; asked: {escape(words.model_of(model))}</small>'
        f"{remarked}{told}{timeline}</div>"
    )


def problem(text: str) -> str:
    """Why there is no answer."""
    return f'<div class="vt"><p class="problem">{escape(text)}</p></div>'


def note(text: str) -> str:
    """A remark."""
    return f'<div class="vt"><p>{escape(text)}</p></div>'


def player(wav: bytes) -> str:
    """Plays a sound that is not a user's."""
    return f'<div class="vt"><audio controls src="data:audio/wav;base64,{_base64(wav)}"></audio></div>'


def looks(looked: Looked, *, duration_seconds: float, labels: Mapping[str, str]) -> str:
    """Pictures and explanations.

    Args:
        duration_seconds: of the sound, of which the pictures may show less.
        labels: classes in words, as `words.labels_of`.
    """
    is_cut = duration_seconds > looked.pictured_seconds
    shown = f"the first {looked.pictured_seconds:g} of {round(duration_seconds, 2):g} s" if is_cut else ""
    heading = f"The sound: {shown}" if is_cut else "The sound"
    about = "Waveform; spectrogram with pitch and formants; probabilities over time; of a net, where it listens" + (
        f"; of {shown}" if is_cut else ""
    )
    told = "".join(_explanation(one, labels) for one in looked.explanations.values())
    if looked.unexplained:
        told = (
            "<p>This model sees no features that could be named. If it sees frames and bands, the last pictures show "
            "where it listens.</p>"
        )
    return (
        f'<div class="vt"><h2>{heading}</h2><div class="wide" tabindex="0" role="group" aria-label="{about}">'
        f'<img alt="{about}." src="data:image/png;base64,{_base64(looked.picture)}"></div>{told}</div>'
    )


def _answer(answer: Mapping[str, Any], classes: Sequence[str], labels: Mapping[str, str]) -> str:
    heading = f"<h2>{escape(words.target_of(answer['target']))}</h2>"
    if answer["refusal"] is None:
        label = labels.get(answer["label"], answer["label"])
        said = f'<p class="said">{escape(label)}: {answer["confidence"]:.0%} sure</p>'
    else:
        said = f'<p class="said">No answer</p><p>{escape(words.refusal_of(answer))}</p>'
    return heading + said + _bars(answer["probabilities"], classes, labels)


def _bars(probabilities: Mapping[str, float] | None, classes: Sequence[str], labels: Mapping[str, str]) -> str:
    bars = []
    for name in classes if probabilities is not None else ():
        filled = f'<i style="width:{probabilities[name]:.1%};background:{_colour(name, classes)}"></i>'
        bars.append(
            f'<div class="bar"><span>{escape(labels.get(name, name))}</span><span aria-hidden="true">{filled}</span>'
            f"<span>{probabilities[name]:.0%}</span></div>"
        )
    return "".join(bars)


def _timeline(prediction: Mapping[str, Any], classes: Mapping[str, Sequence[str]]) -> str:
    whole = prediction["duration_seconds"]
    parts = ["<h2>Over time</h2>"]
    for target, segments in prediction["segments"].items():
        stretches, rows = [], []
        for segment in segments:
            answer = segment["answer"]
            said = answer["label"] or f"({str(answer['refusal']).replace('_', ' ')})"
            share = (segment["end_seconds"] - segment["start_seconds"]) / whole
            colour = _colour(answer["label"], classes[target])
            shown = escape(said) if share > 0.1 else ""
            stretches.append(f'<span style="flex:{share:.5f};background:{colour}">{shown}</span>')
            begin, end = (words.seconds_of(segment[f"{name}_seconds"]) for name in ("start", "end"))
            sure = f"{answer['confidence']:.0%}" if answer["label"] else ""
            rows.append(f"<tr><td>{begin}</td><td>{end}</td><td>{escape(said)}</td><td>{sure}</td></tr>")
        parts.append(
            f"<div>{escape(words.target_of(target))}</div>"
            f'<div class="line" aria-hidden="true">{"".join(stretches)}</div>'
            f'<details><summary>As a table</summary><div class="wide"><table>'
            f"<tr><th>from</th><th>to</th><th>answer</th><th>sure</th></tr>{''.join(rows)}</table></div></details>"
        )
    return "".join(parts)


def _explanation(explanation: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    leans = escape(labels.get(explanation["leans_to"], explanation["leans_to"]))
    rows = "".join(
        f'<tr><td title="{escape(one["definition"])}">{escape(one["feature"])}</td>'
        f"<td>{one['value']:.4g}{_unit(one['unit'])}</td><td>{one['training_mean']:.4g}</td>"
        f"<td>{_share(one['share_below'])}</td><td>{'for' if one['contribution'] > 0 else 'against'} it, "
        f"{abs(one['contribution']):.2f}</td></tr>"
        for one in explanation["features"]
    )
    return (
        f"<h2>What moved the answer: {escape(words.target_of(explanation['target']))}</h2>"
        f"<p>The model leans to <b>{leans}</b>. These features moved it most, in log-odds.</p>"
        f'<div class="wide" tabindex="0" role="group" aria-label="features that moved the answer"><table>'
        "<tr><th>feature</th><th>here</th><th>in training</th><th>training speakers with less</th>"
        "<th>speaks</th></tr>"
        f"{rows}</table></div>"
    )


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _unit(unit: str) -> str:
    return "" if unit == "1" else f" {escape(unit)}"


def _colour(label: str | None, classes: Sequence[str]) -> str:
    return _COLOURS[list(classes).index(label) % len(_COLOURS)] if label in classes else _REFUSED


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
