"""The report's words on features: how they were made, what they carry, which are redundant."""

from voicetraits.reporting.findings import FamilyFinding, families
from voicetraits.reporting.run import Run
from voicetraits.reporting.words import (
    bullets,
    count,
    interval,
    listed,
    name_of,
    number,
    percent,
    plural,
    table,
)

MEANING = {
    "pitch": "how fast the vocal folds swing (F0), and how much of the clip is voiced",
    "voice range": "the spectrum between 0 and 280 Hz, where the fundamental lies",
    "formants": "resonances of throat and mouth, and the length of the vocal tract that follows",
    "voice quality": "jitter, shimmer, harmonics to noise, H1−H2, cepstral peak: how steady and clear the voice is",
    "mfcc": "the shape of the spectrum in a few numbers, as the ear divides it",
    "mfcc deltas": "how that shape moves",
    "log-mel": "level of each mel band",
    "spectrum": "the spectrum of the whole clip: where it lies, how far it spreads",
    "spectral shape": "centroid, bandwidth, roll-off, flatness, zero crossings of each frame",
    "contrast": "peaks against valleys, in octave bands",
    "tonnetz": "the place among musical intervals",
    "spectral balance": "low against high frequencies in voiced frames",
    "level": "loudness and RMS",
    "rhythm": "pauses, syllables a second",
    "other": "features that no family names",
}


def how_made(run: Run) -> str:
    """How features were made."""
    s = run.settings
    own = [
        [f"`{row.family}`", str(row.features), MEANING.get(row.family, "")]
        for row in run.table("family_alone", target=run.targets[0]).itertuples()
    ]
    features = run.figures["featurize"]["features"]
    return f"""Every clip, mono at 16 kHz, goes through the same steps; no label is read on the way.

- It is cut into frames of {s["frame_seconds"] * 1000:g} ms, one every {s["hop_seconds"] * 1000:g} ms. Each frame's \
spectrum gives {s["mel_bands"]} mel bands, {s["mfcc"]} MFCC with their deltas (after pre-emphasis of \
{s["pre_emphasis"]:g}), and measures of its shape.
- F0 is found by probabilistic YIN between {s["f0_min_hz"]:g} and {s["f0_max_hz"]:g} Hz, which also says which frames \
are voiced; formants by linear prediction below {s["formant_ceiling_hz"]:g} Hz; jitter and shimmer from the glottal \
cycles.
- Statistics over the clip (mean, deviation, quartiles and so on) make one row of {count(features)} numbers a clip.

Definitions, sources, and how far each agrees with librosa, Praat and openSMILE stand in \
`src/voicetraits/features/README.md`; the settings are the section `featurize` of `params.yaml`. By families:

{table(["family", "features", "what it describes"], own)}"""


def what_carries(run: Run) -> str:
    """Which features carry information, and how that was decided."""
    parts = [
        """On test speakers, in three ways, since each alone misleads:

- *Shuffled*: all features of a family are exchanged between clips, together. What UAR the trained model then loses is \
what it rests on. A family whose information others hold too may cost nothing.
- *Alone*: a plain logistic regression that sees only this family. It tells what is in the family, whoever uses it.
- *Added*: what each feature adds to the logit of a clip's true class: exact for softmax regression, Shapley values \
for trees.

A family is *needed* where a model loses UAR without it, the whole interval above 0; *known elsewhere* where it tells \
the classes apart alone (interval above chance), yet no model loses anything; otherwise there is *nothing to see*."""
    ]
    for target in run.targets:
        found = families(run, target)
        models = run.models(target)
        own = [model for model in models if any(model in one.lost for one in found)]
        rows = [
            [
                f"`{one.family}`",
                interval(one.alone, one.alone_low, one.alone_high),
                *(interval(*one.lost[model]) for model in own),
                one.standing,
            ]
            for one in found
        ]
        head = ["family", "UAR alone", *(f"lost by {name_of(model)}" for model in own), "standing"]
        parts += [f"### {target.capitalize()}", _verdict(target, found), table(head, rows)]
        parts += [f"![What each family of features costs: {target}](family_importance-{target})"]
        parts += [_strongest(run, target, model) for model in own]
    return "\n\n".join(parts)


def _verdict(target: str, found: list[FamilyFinding]) -> str:
    by_standing = {
        standing: [f"`{one.family}`" for one in found if one.standing == standing]
        for standing in ("needed", "known elsewhere", "nothing to see")
    }
    sentences = []
    if needed := by_standing["needed"]:
        sentences.append(f"For {target} the models need {listed(needed)}.")
    else:
        sentences.append(
            f"For {target} no model needs any one family: each can be had from the others, or tells nothing."
        )
    if elsewhere := by_standing["known elsewhere"]:
        sentences.append(
            f"{listed(elsewhere)} tell{'s' * (len(elsewhere) == 1)} the classes apart, but others know the same."
        )
    if nothing := by_standing["nothing to see"]:
        sentences.append(f"Of {listed(nothing)} nothing can be seen.")
    best = max(found, key=lambda one: one.alone)
    sentences.append(f"Most stands in `{best.family}`: alone it reaches a UAR of {number(best.alone)}.")
    return " ".join(sentences)


def _strongest(run: Run, target: str, model: str, most: int = 6) -> str:
    top = run.table("contributing_features", target=target, model=model).head(most)
    if top.empty:
        return f"No feature moves the answers of {name_of(model)}."
    said = [f"`{row.feature}` (high values speak for {row.high_speaks_for})" for row in top.itertuples()]
    return f"What moves the answers of {name_of(model)} most: {listed(said)}."


def what_is_redundant(run: Run) -> str:
    """Which features say the same."""
    counts = run.figures["explain"]["redundancy"]
    clusters = run.tables["redundancy"]
    kept = counts["features"] - counts["redundant_features"] + counts["clusters"]
    if not counts["clusters"]:
        return f"No two of the {count(counts['features'])} features are so alike that one of them could go."
    first = clusters[(clusters["target"] == run.targets[0]) & (clusters["model"] == clusters["model"].iloc[0])]
    largest = first.sort_values("features", ascending=False, kind="stable").head(5)
    examples = [
        f"{plural(row.features, 'feature')} around `{row.cluster}`: {_shown(row.members)}"
        for row in largest.itertuples()
    ]
    costly = [_costliest(run, target) for target in run.targets]
    return f"""Decided on training clips, without labels: features are clustered so that any two of a cluster have a \
rank correlation of at least {number(counts["threshold"])} in size. Of {count(counts["features"])} features \
{count(counts["redundant_features"])} stand in {plural(counts["clusters"], "cluster")} of two or more; one of each, \
{count(kept)} in all, would say nearly the same. The largest:

{bullets(examples)}

Whether a model needs a cluster is another question: it is shuffled as one, so that no member can stand in for \
another.

{bullets(costly)}

![Rank correlation of all features, those alike beside each other](correlation)"""


def _shown(members: str, most: int = 6) -> str:
    names = members.split(" ")
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"`{name}`" for name in names[:most]) + rest


def _costliest(run: Run, target: str) -> str:
    rows = run.table("redundancy", target=target)
    worst = rows.loc[rows["lost"].idxmax()]
    felt = rows[rows["low"] > 0]["cluster"].nunique()
    told = (
        f"**{target}**: {count(felt)} of {plural(rows['cluster'].nunique(), 'cluster')} would be missed beyond chance."
    )
    if worst["low"] <= 0:
        return told
    loss = interval(worst["lost"], worst["low"], worst["high"])
    return f"{told} Most by {name_of(worst['model'])}: without the cluster of `{worst['cluster']}` it loses {loss}."


def share_redundant(run: Run) -> str:
    """How much of the features is redundant, in a phrase."""
    counts = run.figures["explain"]["redundancy"]
    return percent(counts["redundant_features"] / counts["features"])
