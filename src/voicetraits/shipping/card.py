"""The model card of what is shipped, under the headings of Mitchell et al. (Model Cards for Model Reporting, 2019)."""

from collections.abc import Mapping

from voicetraits.inference.answers import Refusal
from voicetraits.reporting.words import SYNTHETIC, bullets, count, listed, name_of, percent, plural, sentence
from voicetraits.shipping import card_figures
from voicetraits.shipping.evidence import Evidence
from voicetraits.shipping.licences import meanings

_WHY = {
    Refusal.NO_SPEECH: "nothing that sounds like a voice",
    Refusal.TOO_SHORT: "too little speech",
    Refusal.TOO_NOISY: "speech that barely stands out of the noise, or in far more of it than the model knows",
    Refusal.MUSIC_OR_OTHER: "a pitch that does not move as a voice's",
    Refusal.OUT_OF_DOMAIN: "a voice far from all that the model learnt from",
    Refusal.UNSURE: "confidence below the threshold",
}


def card(evidence: Mapping[str, Evidence]) -> str:
    """The whole page.

    Args:
        evidence: by target, of one kind of model.
    """
    first = next(iter(evidence.values()))
    sections = {
        "Model details": _details(evidence),
        "Intended use": _intended(evidence),
        "What it must not be used for": _forbidden(evidence),
        "Training data": _data(evidence),
        "Speakers by group": card_figures.speakers(evidence),
        "Metrics": _metrics(first),
        "Results": card_figures.results(evidence),
        "Results by group": card_figures.by_group(evidence),
        "Calibration": card_figures.calibration(evidence),
        "When it does not answer": _refusals() + "\n\n" + card_figures.abstaining(evidence),
        "Other conditions": card_figures.under_stress(evidence),
        "Limits": _limits(evidence),
        "Ethical considerations": _ETHICS,
        "Licences": notice(evidence),
        "How to report a problem": _REPORT,
    }
    parts = [f"# Model card: {name_of(first.config.model)} for {listed(list(evidence))}"]
    if warning := _synthetic(evidence):
        parts.append(f"> {warning}")
    for title, text in sections.items():
        parts += [f"## {title}", text]
    return "\n\n".join(parts) + "\n"


def notice(evidence: Mapping[str, Evidence]) -> str:
    """What licences ask of whoever passes the model on."""
    heard = {
        row.utterance_id: row.licence
        for one in evidence.values()
        for clips in (one.learnt, one.validated)
        for row in clips[["utterance_id", "licence"]].itertuples()
    }
    texts = [text if isinstance(text, str) else None for text in heard.values()]
    return f"""The code is under the Apache License 2.0, whose text is in the package. Packages that it needs keep \
their own licences. The models learnt from recordings, which have theirs; read off each clip's licence text:

{meanings(texts)}

Where there are several, all of them hold. This is what the licences say, and no legal advice."""


def _details(evidence: Mapping[str, Evidence]) -> str:
    first = next(iter(evidence.values()))
    lines = [f"- Kind: {name_of(first.config.model)} (`{first.config.model}`), {_sees(first)}."]
    for target, one in evidence.items():
        lines.append(
            f"- {sentence(target)}: classes {listed(list(one.config.classes))}; version `{one.identity.version}`, "
            f"training data `{one.identity.training_data}`, {count(one.bytes_on_disk / 1000)} kB, "
            f"seed {one.config.seed}."
        )
    made = ", ".join(f"{name} {version}" for name, version in first.config.versions.items())
    return "\n".join(
        [
            *lines,
            f"- Made by the project voicetraits, dvc.lock `{first.identity.dvc_lock}`, with {made}.",
            "- Versions are digests of what they name; each answer names them too.",
        ]
    )


def _sees(one: Evidence) -> str:
    if one.config.runtime is None:
        return f"on {len(one.config.feature_names)} features of a clip"
    return f"a net on `{one.config.feature_names[0]}`"


def _intended(evidence: Mapping[str, Evidence]) -> str:
    return f"""Says how a voice in a recording is likely to be labelled: {
        listed(list(evidence))
    }, as speakers stated it \
of themselves in the training data. It is not a statement of who somebody is.

{
        bullets(
            [
                "Studying speech corpora: how groups are represented, which stated labels to look at again.",
                "Balancing training and test sets of other speech systems; checking that these work for all groups.",
                "Counting in the large where people have agreed, corrected by the errors below.",
                "Teaching.",
            ]
        )
    }

Before any use, measure it on recordings of the own kind (microphones, rooms, languages, ages), and look at the \
weakest group, not at the mean."""


def _forbidden(evidence: Mapping[str, Evidence]) -> str:
    ages = ["Deciding who is a minor."] if "age" in evidence else []
    return bullets(
        [
            "Deciding about a person: hiring, credit, prices, access, care, policing, moderation of speech.",
            "Telling anybody their gender. Trans, non-binary and many other people's voices do not follow the labels.",
            *ages,
            "Identifying or following people, or inferring what they did not tell; voice is personal data, and in many "
            "places the law forbids it.",
        ]
    )


def _synthetic(evidence: Mapping[str, Evidence]) -> str:
    """A warning where a program made voices that the models learnt from."""
    shares = [(one.learnt["corpus"] == "demo").mean() for one in evidence.values()]
    if min(shares) == 1:
        return f"{SYNTHETIC} The models have never heard a person: do not ask them about one."
    if max(shares) > 0:
        return f"**Up to {percent(max(shares))} of the training clips are synthetic**, and say nothing about people."
    return ""


def _data(evidence: Mapping[str, Evidence]) -> str:
    parts = []
    for target, one in evidence.items():
        sources = [
            f"`{name}` ({plural(own['speaker_id'].nunique(), 'speaker')}, {plural(len(own), 'clip')})"
            for name, own in one.learnt.groupby("source", sort=True)
        ]
        parts.append(
            f"**{sentence(target)}** learnt from {listed(sources)}; "
            f"{plural(one.validated['speaker_id'].nunique(), 'other speaker')} stopped the training and calibrated it, "
            f"and {plural(one.tested['speaker_id'].nunique(), 'speaker')} tested {_tested(one)}."
        )
    return "\n\n".join(
        [
            *parts,
            "No speaker, and no identical recording, stands on two sides of a split. Labels are what speakers stated "
            "of themselves, or a corpus's makers of them; nobody checked them, and clips without one were left out.",
        ]
    )


def _tested(one: Evidence) -> str:
    if one.folds == 1:
        return "it"
    return f"{one.folds} sister models, each on speakers that it had not heard; the one shipped learnt from nearly all"


def _metrics(one: Evidence) -> str:
    return f"""UAR (unweighted average recall, balanced accuracy) leads: the mean over the classes of the share of the \
class that is found; guessing gives 1 / classes. ECE (expected calibration error) is how far stated confidence lies \
from the share of right answers. Brackets hold {percent(one.confidence)} intervals over test speakers. *On clips* \
each clip counts; *on speakers* all clips of a speaker are taken together. `majority` always gives the commonest \
class, `pitch_threshold` knows the median pitch alone: a model that does not beat them has learnt nothing new."""


def _refusals() -> str:
    return bullets([f"`{refusal}`: {_WHY[refusal]}" for refusal in Refusal])


def _limits(evidence: Mapping[str, Evidence]) -> str:
    weakest = [card_figures.weakest(target, one) for target, one in evidence.items()]
    return bullets(
        [
            *filter(None, weakest),
            "Accents, languages, microphones, rooms and codecs that are not in the training data will do worse, by how "
            "much is unknown.",
            "Children, voices changed by illness or by will, singing, and several speakers at once are not covered.",
            "The figures are of one draw of test speakers; of groups with few of them intervals are wide.",
            "Classes are those of the sources: two genders and coarse ages, since that is what was asked for.",
        ]
    )


_ETHICS = """Gender and age are read off a voice without asking its speaker, and are wrong for some more often than \
for others. Wrong answers hurt those most whose voices differ from what a corpus calls typical. Ask people before, \
tell them what is inferred, let them object, keep no more than needed, and never let an answer stand against what \
somebody says of themselves."""

_REPORT = """Tell whoever gave you this package, or open an issue in the repository that it was made from. Name the \
package's version (`pip show voicetraits`) and the model's (in each answer), what you expected and what came, and \
your system; from the project's folder `make doctor` prints the latter. Do not send recordings of people who have \
not agreed."""
