"""The report as one Markdown page: sections in the order in which people ask."""

from voicetraits.reporting import about_audit, about_features, about_models, about_surprises, about_use
from voicetraits.reporting.findings import families, ranking
from voicetraits.reporting.run import Run
from voicetraits.reporting.words import SYNTHETIC, bullets, interval, listed, name_of


def page(run: Run) -> str:
    """The whole page. A picture stands as `![what it shows](its name)`, alone in its paragraph."""
    sections = {
        "In short": in_short(run),
        "Who is in the corpus": corpus(run),
        "How were the features made?": about_features.how_made(run),
        "Which features carry information, and how was that decided?": about_features.what_carries(run),
        "Which are redundant?": about_features.what_is_redundant(run),
        "What was unexpected?": about_surprises.unexpected(run),
        "What may be wrong with the features?": about_surprises.doubts(run),
        "Which metrics, and what do they say?": about_models.metrics(run),
        "Which model is best, by how much, and when will a simpler one do?": about_models.best(run),
        "Where do the nets look?": about_models.nets(run),
        "What do other conditions do?": about_models.under_stress(run),
        "What did the audit find?": about_audit.audit(run),
        "What could it be used for, and what must it not?": about_use.use(run),
        "How to make this page again": AGAIN,
    }
    parts = [f"# What the run on `{run.corpus}` found"]
    if run.synthetic:
        parts.append(f"> {SYNTHETIC}")
    for title, text in sections.items():
        if text:
            parts += [f"## {title}", text]
    return "\n\n".join(parts) + "\n"


AGAIN = """`dvc repro` makes every number and this page, the same bytes for the same inputs, params and seed. The \
numbers stand in `metrics/`, what each means in `metrics/README.md`; `dvc plots show` draws them, and \
`data/report/report.html` is this page with its pictures, for any browser and without a network."""


def in_short(run: Run) -> str:
    """The findings, one a line."""
    found = []
    for target in run.targets:
        place = ranking(run, target)
        few = about_models.too_few(run, target)
        found.append(f"**{target}**: {about_models.headline(place)}. {about_models.beats_baseline(place)}{few}")
        speakers = ranking(run, target, "speakers")
        lead = interval(speakers.uar, speakers.low, speakers.high)
        found.append(f"**{target}**, all clips of a speaker together: {name_of(speakers.best)}, {lead}.")
        needed = [f"`{one.family}`" for one in families(run, target) if one.standing == "needed"][:4]
        if needed:
            found.append(f"**{target}** rests most on {listed(needed)}.")
    found += [f"**{target}** was skipped: too few speakers in all classes but one." for target in run.skipped]
    found.append(f"{about_features.share_redundant(run)} of the features have a close relative among the others.")
    return bullets(found)


def corpus(run: Run) -> str:
    """Who was recorded, and how."""
    tested = [f"{run.test_speakers[target]} speakers test {target}" for target in run.targets]
    return f"""{about_models.unstated(run)}. {listed(tested).capitalize()}. No speaker, and no identical recording, \
stands on two sides of the split.

![Speakers by gender and age group, as they stated them](balance)

![Pitch and formants by stated gender and age group](voices)

![Duration of clips](durations)

![Signal to noise of clips](signal_to_noise)"""
