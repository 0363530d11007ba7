"""The words of all languages, ages in bands and years, and what must not be read."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.readmes import VOCABULARY, without_diacritics
from voicetraits.labels import Stated, clean, is_anonymous, is_unstated, read_age, read_gender, read_yes_or_no

AGES = {"youth_below_years": 18, "senior_from_years": 65}
GENDERS = [(language, row[gender], gender) for language, row in VOCABULARY.items() for gender in ("male", "female")]
AGE_GROUPS = [
    (language, row[group], group) for language, row in VOCABULARY.items() for group in ("youth", "adult", "senior")
]
UNSTATED = [(language, row[column]) for language, row in VOCABULARY.items() for column in ("unknown", "please_select")]


def spellings(word: str) -> list[str]:
    """Ways in which the same word stands in READMEs."""
    return [
        word,
        word.upper(),
        word.lower(),
        word.title(),
        without_diacritics(word),
        without_diacritics(word).upper(),
        unicodedata.normalize("NFD", word),
        f"{word};",
        f"\t {word} \t",
        f"[{word}]",
        f"[{word.lower()}];",
        f"\u200f{word}\u200e",
        word.replace(" ", "\u00a0"),
        word.replace("\u200c", ""),
        word.replace("\u200c", " "),
    ]


def bare(text: str) -> str:
    """Letters and digits of a text, in small, written apart from the library's way to do it."""
    return re.sub(r"[\W_]", "", without_diacritics(unicodedata.normalize("NFKC", text.lower())))


def test_the_vocabulary_has_18_languages():
    assert len(VOCABULARY) == 18


@pytest.mark.parametrize(("language", "word", "gender"), GENDERS)
def test_gender_in_every_language(language, word, gender):
    assert [read_gender(spelling) for spelling in spellings(word)] == [Stated(gender)] * len(spellings(word))


@pytest.mark.parametrize(("language", "word", "group"), AGE_GROUPS)
def test_age_group_in_every_language(language, word, group):
    assert [read_age(text, **AGES) for text in spellings(word)] == [Stated(group)] * len(spellings(word))


@pytest.mark.parametrize(("language", "word"), UNSTATED)
def test_words_for_unknown_and_for_nothing_chosen_state_nothing(language, word):
    for text in spellings(word):
        assert is_unstated(text)
        assert read_gender(text) == read_age(text, **AGES) == read_yes_or_no(text) == Stated()


@pytest.mark.parametrize(
    "text", ["", "  ", "-", "—", "--", "n/a", "N/A", "not selected", "Not Selected;", "[]", "undefined"]
)
def test_more_that_states_nothing(text):
    assert is_unstated(text)
    assert read_gender(text) == read_age(text, **AGES) == Stated()


@pytest.mark.parametrize("text", ["זָכָר", "مذكر", "MÄNNLICH", "Männlich", "maennlich", "ЧОЛОВІК", "ΑΝΔΡΑΣ"])
def test_spellings_of_other_keyboards(text):
    assert read_gender(text) == Stated("male")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("[male];", "male"),
        ("  ([Bob]) ", "Bob"),
        ("British (Scottish)", "British (Scottish)"),
        ("bob (m)", "bob (m)"),
        ("(Bob) of (Bath)", "(Bob) of (Bath)"),
        ("((Bob) of (Bath))", "(Bob) of (Bath)"),
        ("(Bob", "(Bob"),
        ("()", ""),
        ("(", "("),
        ('"Bob",', "Bob"),
    ],
)
def test_only_brackets_around_all_of_a_value_are_taken_off(text, cleaned):
    assert clean(text) == cleaned


@pytest.mark.parametrize("text", ["[male", "male)", "(male];", "[[male]"])
def test_half_a_pair_of_brackets_hides_no_label(text):
    assert read_gender(text).label == "male"


@pytest.mark.parametrize("text", ["Other", "Andere", "Otro", "Autre", "[other]", "OTHER;"])
def test_other_gender_is_read_as_such(text):
    assert read_gender(text) == Stated("other")


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("Jugend", "youth"), ("Erwachsene", "adult"), ("Sénior", "senior"), ("Младеж", "youth"), ("девойка", "youth"),
        ("до25", "youth"), ("ДО 25", "youth"), ("до 55;", "adult"), ("Более  55", "senior"), ("[Youth]", "youth"),
    ],
)  # fmt: skip
def test_ages_of_the_web_app_and_of_habit(text, group):
    assert read_age(text, **AGES) == Stated(group)


@pytest.mark.parametrize("dash", ["-", "–", "—", "‒", "−", "‑", "－", "﹣", "--", "~"])
@pytest.mark.parametrize("blank", ["", " ", "  ", "\t", "\u00a0", "\u2009"])
@pytest.mark.parametrize(
    ("youngest", "oldest", "group"),
    [
        (13, 17, "youth"), (18, 29, "adult"), (30, 39, "adult"), (40, 49, "adult"), (50, 59, "adult"),
        (60, 64, "adult"), (65, 74, "senior"),
    ],
)  # fmt: skip
def test_age_bands(youngest, oldest, group, dash, blank):
    for text in (f"{youngest}{blank}{dash}{blank}{oldest}", f"[{youngest}{blank}{dash}{blank}{oldest}];"):
        assert read_age(text, **AGES) == Stated(group, band=f"{youngest} - {oldest}")


@pytest.mark.parametrize("text", ["> 75", ">75", "＞ 75", ">\u00a075;", "[> 75]"])
def test_the_last_age_band_has_no_end(text):
    assert read_age(text, **AGES) == Stated("senior", band="> 75")


@pytest.mark.parametrize(
    ("text", "group"),
    [("17", "youth"), ("18", "adult"), ("64", "adult"), ("65", "senior"), ("９", "youth"), ("99;", "senior")],
)
def test_age_in_years(text, group):
    assert read_age(text, **AGES) == Stated(group, years=int(text.strip(";")))


@given(st.integers(1, 120), st.integers(1, 4))
def test_an_age_with_zeros_behind_its_point_is_the_whole_number(years, zeros):
    assert read_age(f"{years}.{'0' * zeros}", **AGES) == read_age(str(years), **AGES)
    assert read_age(f"{years}.{'0' * zeros}5", **AGES).problem == "no rule reads it"


def test_the_limits_of_the_groups_are_params():
    limits = {"youth_below_years": 30, "senior_from_years": 50}
    assert read_age("18 - 29", **limits).label == read_age("29", **limits).label == "youth"
    assert read_age("50 - 59", **limits).label == read_age("50", **limits).label == "senior"
    assert read_age("Youth", **limits).label == "youth"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("60 - 69", "a band over more than one age group"),
        ("< 20", "a band over more than one age group"),
        ("> 50", "a band over more than one age group"),
        ("29 - 18", "no possible age"),
        ("0", "no possible age"),
        ("950", "no possible age"),
        ("< 1", "no possible age"),
        ("Adult Youth", "no rule reads it"),
        ("Male", "no rule reads it"),
        ("13 - ", "no rule reads it"),
        ("thirty", "no rule reads it"),
        ("1980", "no rule reads it"),
        ("17.5", "no rule reads it"),
        ("25.", "no rule reads it"),
        ("0.0", "no possible age"),
        ("?", "no rule reads it"),
    ],
)
def test_ages_that_cannot_be_read(text, problem):
    stated = read_age(text, **AGES)
    assert (stated.label, stated.years, stated.problem) == (None, None, problem)


@pytest.mark.parametrize(
    "text", ["?????", "M?nnlich", "??male", "MÃ¤nnlich", "Make", "Male Female", "m", "♂", "male | female", "Adult"]
)
def test_genders_that_cannot_be_read(text):
    assert read_gender(text) == Stated(problem="no rule reads it")


def test_letters_are_words_only_where_a_corpus_says_so():
    assert (read_gender("M", letters=True), read_gender("[f]", letters=True)) == (Stated("male"), Stated("female"))
    assert read_gender("F") == Stated(problem="no rule reads it")


@pytest.mark.parametrize(
    ("text", "gender"),
    [
        ("male_masculine", "male"), ("female_feminine", "female"), ("transgender", "other"), ("intersex", "other"),
        ("non-binary", "other"), ("do_not_wish_to_say", None), ("other", "other"), ("", None),
    ],
)  # fmt: skip
def test_genders_of_every_release_of_common_voice(text, gender):
    assert read_gender(text) == Stated(gender)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("twenties", Stated("adult", band="19 - 29")),
        ("fourties", Stated("adult", band="40 - 49")),
        ("forties", Stated("adult", band="40 - 49")),
        ("seventies", Stated("senior", band="70 - 79")),
        ("nineties", Stated("senior", band="> 89")),
        ("teens", Stated(problem="a band over more than one age group", band="< 19")),
        ("sixties", Stated(problem="a band over more than one age group", band="60 - 69")),
    ],
)
def test_decades_of_common_voice(text, stated):
    assert read_age(text, **AGES) == stated


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("teens", "<19"), ("18", "<19"), ("13 - 17", "<19"), ("twenties", "19-29"), ("19", "19-29"), ("29", "19-29"),
        ("thirties", "30-39"), ("30", "30-39"), ("fourties", "40-49"), ("49", "40-49"), ("50 - 59", "50-59"),
        ("sixties", "60+"), ("60 - 64", "60+"), ("60", "60+"), ("nineties", "60+"), ("> 75", "60+"), ("", None),
    ],
)  # fmt: skip
def test_decades_as_classes(text, label):
    stated = read_age(text, **AGES, age_bins="decades")
    assert (stated.label, stated.problem) == (label, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("18 - 29", "a band over more than one age bin"),
        ("Erwachsener", "an age group, which tells no decade"),
        ("Youth", "an age group, which tells no decade"),
        ("1234", "no rule reads it"),
    ],
)
def test_ages_that_have_no_decade(text, problem):
    assert read_age(text, **AGES, age_bins="decades").problem == problem


@pytest.mark.parametrize(
    "text",
    [
        "anonymous",
        "Anonymous",
        "anonyme",
        "Anonym",
        "anónimo",
        "анонимно",
        "匿名",
        "אנונימי",
        "",
        "unknown",
        "[anonymous]",
    ],
)
def test_anonymous_in_several_languages(text):
    assert is_anonymous(text)


@pytest.mark.parametrize("text", ["Aaron", "anonymous2", "nonymous", "ann", "男"])
def test_names_are_not_anonymous(text):
    assert not is_anonymous(text)


@pytest.mark.parametrize(
    ("text", "answer"), [("Yes", "yes"), ("No", "no"), ("Sí", "yes"), ("Nein", "no"), ("да", "yes")]
)
def test_answers(text, answer):
    assert read_yes_or_no(text) == Stated(answer)


WORDS = {
    label: {bare(row[label]) for row in VOCABULARY.values()} for label in ("male", "female", "youth", "adult", "senior")
}
WORDS["male"] |= {"maennlich", "malemasculine"}
WORDS["female"] |= {"femalefeminine"}
WORDS["youth"] |= {"младеж", "девоика", "jugend"}
WORDS["adult"] |= {"erwachsene"}
PIECES = [row[label] for row in VOCABULARY.values() for label in WORDS]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=2), st.sampled_from(" ;-?[]/|")), max_size=4))
def test_a_label_is_read_only_where_a_word_of_its_class_is_written(pieces):
    text = "".join(pieces)
    age = read_age(text, **AGES)
    for label in (read_gender(text).label, None if age.band or age.years else age.label):
        assert label in (None, "other") or bare(text) in WORDS[label]


@given(
    st.sampled_from(["male", "female"]).flatmap(
        lambda gender: st.tuples(st.just(gender), st.sampled_from([row[gender] for row in VOCABULARY.values()]))
    ),
    st.integers(0, 30),
    st.sampled_from("qя1?*"),
)
def test_one_sign_more_in_a_word_makes_it_another_word(gender_and_word, place, sign):
    _, word = gender_and_word
    text = word[:place] + sign + word[place:]
    assert read_gender(text) == Stated(problem="no rule reads it")
