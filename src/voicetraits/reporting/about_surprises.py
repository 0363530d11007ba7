"""The report's words on what was unexpected, and on what may be wrong with the features."""

from collections import Counter

from voicetraits.reporting.findings import NOT_THE_VOICE, FamilyFinding, families, ranking
from voicetraits.reporting.run import Run
from voicetraits.reporting.words import bullets, count, interval, listed, name_of, plural, sentence

#: A difference between the noise of two genders that a model could use, in dB.
_NOISE_GAP_DB = 3.0


def unexpected(run: Run) -> str:
    """What was unexpected."""
    found = []
    for target in run.targets:
        worth = families(run, target)
        found += [*_not_the_voice(run, target, worth), *_harmful(target, worth)]
        if target == "gender":
            found += _without_pitch(worth)
        clips, speakers = (ranking(run, target, unit) for unit in ("clips", "speakers"))
        if clips.best != speakers.best and speakers.rival(clips.best).distinguishable:
            found.append(
                f"For {target} {name_of(clips.best)} is best on single clips, {name_of(speakers.best)} on whole "
                "speakers."
            )
    return bullets(found) if found else "Nothing: every check that this page makes came out as one would think."


def _not_the_voice(run: Run, target: str, worth: list[FamilyFinding]) -> list[str]:
    """Families that should not tell the classes apart, and do."""
    chance = 1 / len(run.classes(target))
    told = [
        f"`{one.family}` ({NOT_THE_VOICE[one.family]}) with a UAR of "
        f"{interval(one.alone, one.alone_low, one.alone_high)}"
        for one in worth
        if one.family in NOT_THE_VOICE and one.alone_low > chance
    ]
    if not told:
        return []
    return [
        f"What does not describe the voice tells {target} nevertheless, alone: {listed(told)}. Either it goes with "
        "the voice by a detour, or these groups were recorded, or read, differently; the second will not hold "
        "elsewhere."
    ]


def _harmful(target: str, worth: list[FamilyFinding]) -> list[str]:
    """Families that a model would do better without."""
    models = dict.fromkeys(model for one in worth for model in one.harms)
    return [
        f"{sentence(name_of(model))} would do better on {target} without "
        f"{listed([f'`{one.family}`' for one in worth if model in one.harms])}: what it learnt from it does not carry "
        "over."
        for model in models
    ]


def _without_pitch(worth: list[FamilyFinding]) -> list[str]:
    """Pitch is the plainest difference between women's and men's voices: a model that does not need it is news."""
    pitch = next((one for one in worth if one.family == "pitch"), None)
    without = [model for model, (_, low, _) in pitch.lost.items() if low <= 0] if pitch else []
    return [
        f"{sentence(name_of(model))} can do without the family `pitch`: what it says of gender stands in other "
        "families too."
        for model in without
    ]


def doubts(run: Run) -> str:
    """What may be wrong with the features."""
    found = []
    silent, clips = run.figures["featurize"]["clips_without_voice"], run.figures["featurize"]["clips"]
    if silent:
        found.append(
            f"In {plural(silent, 'clip')} of {count(clips)} no frame is voiced: pitch, and what is measured in voiced "
            "frames, is 0 there, which is a place-holder and no pitch."
        )
    if noise := _noise_gap(run):
        found.append(noise)
    s = run.settings
    found += [
        f"F0 is sought between {s['f0_min_hz']:g} and {s['f0_max_hz']:g} Hz. Creaky voices lie below, children's and "
        "excited voices may lie above; there it finds half or twice the pitch, or nothing.",
        f"Formants are sought below one ceiling, {s['formant_ceiling_hz']:g} Hz, for all speakers. It suits nobody "
        "perfectly; high voices have few harmonics, between which formants hide.",
        "Level, spectrum and MFCC hold the microphone and the room as well as the voice. A speaker has mostly one of "
        "each, so a model may know rooms; only other recordings can show it.",
        "Jitter and shimmer are meant for held vowels. In running speech intonation adds to them, and clips of two "
        "seconds hold few cycles.",
    ]
    return bullets(found)


def _noise_gap(run: Run) -> str | None:
    rows = run.tables["signal_to_noise"]
    medians = {}
    for gender, own in rows[rows["gender"].isin(run.classes("gender") if "gender" in run.targets else [])].groupby(
        "gender"
    ):
        counts = Counter(dict(zip(own["signal_to_noise_db"], own["clips"], strict=True)))
        medians[gender] = sorted(counts.elements())[counts.total() // 2]
    if len(medians) < 2:
        return None
    (low_name, low), *_, (high_name, high) = sorted(medians.items(), key=lambda item: item[1])
    if high - low < _NOISE_GAP_DB:
        return None
    return (
        f"Clips of {low_name} speakers are noisier: a median signal-to-noise ratio of {low:.0f} dB against {high:.0f} "
        f"dB for {high_name}. A model could tell gender by the noise."
    )
