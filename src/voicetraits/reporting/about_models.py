"""The report's words on models: the metrics, which is best and by how much, where nets look, what stress does."""

from voicetraits.reporting.findings import Ranking, Rival, ranking, weakest_class
from voicetraits.reporting.run import Run
from voicetraits.reporting.words import (
    METHODS,
    bullets,
    count,
    interval,
    listed,
    name_of,
    number,
    percent,
    plural,
    sentence,
    table,
)

#: Below so many test speakers, one more mistake moves the UAR by a per cent or more.
_FEW_SPEAKERS = 100
#: Of a class with fewer speakers in the whole corpus nothing can be claimed.
_FEW_OF_A_CLASS = 20
#: An expected calibration error above this misleads whoever reads a confidence.
_POOR_CALIBRATION = 0.05


def metrics(run: Run) -> str:
    """Which metrics, and what they say."""
    parts = [
        f"""All on speakers that the model had not heard: none of them was learnt from, stopped its \
training or calibrated it.

- **UAR** (unweighted average recall, or balanced accuracy) leads: the mean over the classes of the share of a class \
that is found. Accuracy would reward answering with the commonest class; UAR does not. Guessing gives 1 / classes.
- **ROC-AUC** asks for the order of the scores only, at any threshold; **log loss** and **ECE** (expected calibration \
error) ask whether a confidence of 0.9 is right nine times in ten.
- **Intervals** of {percent(run.confidence)} are over test speakers, since clips of one speaker are not independent. \
Those of the models' UAR, accuracy and recall are Wilson's, for as many independent clips as these speakers' are \
worth: no error among n speakers still leaves some 4/n of others open. All others come from drawing test speakers \
anew, each with all their clips; where few speakers are mistaken these are too narrow.

*On clips* each clip counts; *on speakers* all clips of a speaker are taken together, as where more of somebody is \
heard."""
    ]
    for target in run.targets:
        parts += [f"### {target.capitalize()}", _score_table(run, target), _says(run, target)]
        parts += [f"![Shares of each class that were taken for each class: {target}](confusion-{target})"]
        parts += [f"![Confidence and share of right answers: {target}](calibration-{target})"]
    return "\n\n".join(parts)


def _score_table(run: Run, target: str) -> str:
    scores = run.tables["scores"]
    rows = []
    for unit in ("clips", "speakers"):
        place = ranking(run, target, unit)
        for model in (place.best, *(rival.model for rival in place.rivals)):
            own = scores[(scores["target"] == target) & (scores["model"] == model) & (scores["unit"] == unit)]
            uar = own[own["score"] == "uar"].iloc[0]
            plain = [
                number(run.score(target, model, name, unit)) for name in ("accuracy", "roc_auc", "log_loss", "ece")
            ]
            rows.append([name_of(model), unit, interval(uar["value"], uar["low"], uar["high"]), *plain])
    return table(["model", "on", f"UAR, {percent(run.confidence)}", "accuracy", "ROC-AUC", "log loss", "ECE"], rows)


def _says(run: Run, target: str) -> str:
    place = ranking(run, target)
    label, recall = weakest_class(run, target, place.best)
    ece = run.score(target, place.best, "ece")
    trust = (
        f"its confidences are off by {number(ece)} on average, too far to be read as probabilities"
        if ece > _POOR_CALIBRATION
        else f"its confidences are off by {number(ece)} on average, and may be read as probabilities"
    )
    speakers = run.test_speakers.get(target, 0)
    few = (
        f" With {plural(speakers, 'test speaker')} one more or less in the wrong class is felt; read the intervals."
        if speakers < _FEW_SPEAKERS
        else ""
    )
    found = f"The best on clips, {name_of(place.best)}, finds {label} least often, in {percent(recall)} of such clips"
    return f"{found}; {trust}.{_weakest_part(run, target, place.best)}{few}{too_few(run, target)}"


def too_few(run: Run, target: str) -> str:
    """Which classes have too few speakers for any claim, in a sentence with a space before it; else nothing."""
    speakers = {name: run.figures["metadata"][target][name]["speakers"] for name in run.classes(target)}
    rare = [
        f"{plural(count_of, 'speaker')} of {name}" for name, count_of in speakers.items() if count_of < _FEW_OF_A_CLASS
    ]
    return f" The whole corpus has {listed(rare)}: too few to claim anything of them." if rare else ""


def _weakest_part(run: Run, target: str, model: str) -> str:
    """The part of the test clips where the model does worst, where evaluate has looked at parts."""
    if "slices" not in run.tables:
        return ""
    rows = run.table("slices", target=target, model=model)
    worst = rows[rows["is_worst"]]
    if worst.empty:
        return ""
    part = worst.iloc[0]
    # Where some part has too few speakers for a figure, the column holds blanks, and so is text.
    uar = interval(float(part["uar"]), float(part["low"]), float(part["high"]))
    return (
        f" Of all parts of the test clips it does worst on {part['slice']}, {part['part']}: {uar}; one is, by chance."
    )


def best(run: Run) -> str:
    """Which model is best, and by how much; when a simpler one will do."""
    parts = []
    for target in run.targets:
        place = ranking(run, target)
        against = [_against(place, rival) for rival in place.rivals]
        parts += [f"### {target.capitalize()}", f"On clips {headline(place)}:", bullets(against), when_simpler(place)]
        parts += [f"![UAR of each model, with intervals: {target}](scores-{target})"]
    return "\n\n".join(parts)


def headline(place: Ranking) -> str:
    """The best model in a phrase, as good as its lead allows."""
    lead = interval(place.uar, place.low, place.high)
    runner_up = place.rivals[0]
    if runner_up.is_ahead:
        beyond = ", beyond chance" if runner_up.is_better else ", though not beyond chance"
        own = interval(runner_up.uar, runner_up.low, runner_up.high)
        return (
            f"{name_of(runner_up.model)}, which nobody trained, has the highest UAR, {own}{beyond}; of the trained "
            f"models {name_of(place.best)} has, {lead}"
        )
    if runner_up.distinguishable:
        return f"{name_of(place.best)} is best, with a UAR of {lead}"
    return (
        f"{name_of(place.best)} has the highest UAR, {lead}, but is not distinguishable from {name_of(runner_up.model)}"
    )


def _against(place: Ranking, rival: Rival) -> str:
    own = interval(rival.uar, rival.low, rival.high)
    if rival.gain_low is None or rival.gain_high is None:
        how = "their intervals overlap" if rival.overlap else "their intervals do not overlap"
        gain = f"{number(abs(rival.gain))} {'above' if rival.is_ahead else 'below'}; {how}"
    elif rival.is_ahead:
        gain = f"{interval(-rival.gain, -rival.gain_high, -rival.gain_low)} above"
    else:
        gain = f"{interval(rival.gain, rival.gain_low, rival.gain_high)} below"
    told = "" if rival.distinguishable or rival.is_better else ": **not distinguishable**"
    return f"{name_of(rival.model)}: {own}, {gain}{told}"


def beats_baseline(place: Ranking) -> str:
    """Whether anything was learnt that is not trivial, in a sentence."""
    baseline = place.baseline
    reaches = f"{name_of(baseline.model)}, which reaches {number(baseline.uar)}"
    if baseline.distinguishable:
        return f"It is beyond chance above {reaches}."
    return f"Nothing was learnt, as far as these speakers can show, that goes beyond {reaches}."


def when_simpler(place: Ranking) -> str:
    """When a simpler model will do."""
    simpler = place.simpler
    if simpler is None:
        behind = [rival.model for rival in place.rivals]
        return (
            f"No simpler model will do where these differences count: {name_of(place.best)} stands out from "
            f"{listed([name_of(model) for model in behind])}."
            if all(rival.distinguishable for rival in place.rivals)
            else f"{sentence(name_of(place.best))} is already the simplest of those that cannot be told apart."
        )
    if simpler.model == "majority":
        return (
            "No model will do: none can be told from one that always answers with the commonest class. It takes more "
            "speakers of the other classes to learn, or to show, anything."
        )
    if simpler.is_better:
        return f"{sentence(name_of(simpler.model))} will do: it is smaller, and better."
    most = simpler.gain_high if simpler.gain_high is not None else place.high - simpler.low
    return (
        f"{sentence(name_of(simpler.model))} will do, unless a difference of up to {number(max(most, 0))} in UAR, "
        "which these speakers cannot rule out, would matter: it is smaller, and easier to look into."
    )


def nets(run: Run) -> str | None:
    """Where the nets look, and whether the maps can be believed; None where there are no nets."""
    if "faithfulness" not in run.tables or run.tables["faithfulness"].empty:
        return None
    rows = run.tables["faithfulness"]
    told = []
    for row in rows.itertuples():
        change = interval(row.difference, row.low, row.high)
        verdict = "the map is faithful" if row.low > 0 else "the map cannot be trusted"
        told.append(
            f"{sentence(name_of(row.model))}, {row.target}, {METHODS[row.method]}: without the "
            f"{percent(row.masked_share)} of the clip that it names, the true class loses {change} logits more than "
            f"without as much elsewhere: {verdict}."
            + (f" In {percent(row.empty_share)} of the clips it names nothing." if row.empty_share else "")
        )
    return f"""Of nets on log-mel frames, Grad-CAM and integrated gradients mark the parts of a clip that made a net \
answer as it did; of nets that see something else, occlusion takes one part of the sound after the other away. A map \
may please the eye and be wrong, so each is put to a test: all that it names is replaced by the mean level of each \
band, or of a sound by that of its pauses, and so is a region of the same size and shape elsewhere.

{bullets(told)}

![Where nets look, by mel band](saliency)"""


def under_stress(run: Run) -> str | None:
    """What other conditions do to the models; None where none were tried."""
    if "stress" not in run.tables or run.tables["stress"].empty:
        return None
    parts = [
        "Every test clip was heard again under other conditions, by the same models. What falls here below the "
        "threshold on pitch has learnt recordings rather than voices."
    ]
    for target in run.targets:
        scores = run.table("stress", target=target, unit="clips", score="uar")
        if len(scores):
            models = list(dict.fromkeys(scores["model"]))
            uar = scores.set_index(["condition", "model"])["value"]
            conditions = dict.fromkeys(scores["condition"])
            rows = [[name, *(number(uar[name, model]) for model in models)] for name in conditions]
            parts += [f"UAR of {target} on clips:", table(["condition", *map(name_of, models)], rows)]
    return "\n\n".join(parts)


def unstated(run: Run) -> str:
    """How many clips there are, and of how many no label is known, in a sentence."""
    clips = run.figures["metadata"]["clips"]["out"]
    speakers = sum(run.figures["metadata"]["speakers"].values())
    missing = [
        f"{count(run.figures['metadata'][target]['none']['clips'])} clips have no {target}"
        for target in ("gender", "age")
        if run.figures["metadata"].get(target, {}).get("none", {}).get("clips")
    ]
    hours = run.figures["extract"]["hours"]
    also = f"; {listed(missing)}" if missing else ""
    return f"{count(clips)} clips ({hours:.1f} hours) of {count(speakers)} speakers{also}"
