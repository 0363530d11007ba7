"""What the values of a VoxForge README say: the words that the submission apps offer, in 18 languages, and ages.

A value is read only if it is one of these words, an age band or an age in years. Anything else is a problem for a
person to look at, never a guess.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import NamedTuple

from voicetraits.classes import AGE_BINS, AgeBins
from voicetraits.words import comparable


class Words(NamedTuple):
    """What the older app shows in one language: the labels of two fields, and the values that it offers for them."""

    gender_label: str
    male: str
    female: str
    age_label: str
    youth: str
    adult: str
    senior: str
    unknown: str
    please_select: str


#: Language code (`iw` is Hebrew): the words of the older app.
LANGUAGES = {
    "en": Words("Gender", "Male", "Female", "Age Range", "Youth", "Adult", "Senior", "unknown", "Please Select"),
    "bg": Words(
        "Пол", "Мъж", "Жена", "Възраст", "Младеж/Девойка", "Възрастен", "Трета Възраст", "неизвестен", "Изберете"
    ),
    "ca": Words("Gènere", "Masculí", "Femení", "Edat", "Jove", "Adult", "Tercera edat", "desconegut", "Trieu-ne un"),
    "de": Words(
        "Geschlecht", "Männlich", "Weiblich", "Altersgruppe", "Jugendlicher", "Erwachsener", "Senior", "unbekannt",
        "Bitte wählen",
    ),
    "el": Words(
        "Γένος", "Άνδρας", "Γυναίκα", "Ηλικιακή Ομάδα", "Νεαρός", "Ενήλικας", "Υπερήλικας", "άγνωστο",
        "Παρακαλώ Επιλέξτε",
    ),
    "es": Words(
        "Genero", "Masculino", "Femenino", "Rango de Edad", "Niño", "Adulto", "Tercera Edad", "desconocido",
        "Por favor Seleccione",
    ),
    "fa": Words("جنسیت", "مذکر", "مونث", "رده سنی", "نوجوان", "بزرگ‌سال", "مسن", "نامشخص", "لطفا انتخاب کنید"),
    "fr": Words("Sexe", "Masculin", "Féminin", "Tranche d'âge", "Jeune", "Adulte", "Senior", "inconnu", "Sélectionnez"),
    "hr": Words("Spol", "Muško", "Žensko", "Dobna skupina", "Djeca", "Odrasli", "Stari", "nepoznato", "Odaberite"),
    "it": Words(
        "Sesso", "Maschio", "Femmina", "Fascia di età", "Giovane", "Adulto", "Anziano", "non definito", "Selezionare"
    ),
    "iw": Words("מין", "זכר", "נקבה", "קבוצת גיל", "צעיר", "מבוגר", "קשיש", "לא ידוע", "אנא בחר"),
    "nl": Words(
        "geslacht", "mannelijk", "vrouwelijk", "leeftijd", "jeugd", "volwassen", "senior", "unknown",
        "Maak een keuze",
    ),
    "pt": Words(
        "Sexo", "Masculino", "Feminino", "Faixa Etária", "Jovem", "Adulto", "Idoso", "desconhecido", "Selecione"
    ),
    "ru": Words("Пол", "Мужчина", "Женщина", "Возраст", "до 25", "до 55", "более 55", "другое", "Выберите"),
    "sq": Words(
        "Gjinia", "Mashkull", "Femër", "Mosha", "I mitur", "I rritur", "I moshuar", "i panjohur", "Ju letemi zgjedhni"
    ),
    "tr": Words(
        "Cinsiyet", "Erkek", "Kadın", "Yaş Aralığı", "Genç", "Yetişkin", "Yaşlı", "bilinmiyor", "Lütfen Seçin"
    ),
    "uk": Words(
        "Стать", "Чоловік", "Жінка", "Вік", "До 25 років", "До 55 років", "Від 55 років і більше", "невідомо",
        "Оберіть:",
    ),
    "zh": Words("性别", "男", "女", "年龄", "青少年", "成年", "中年以上", "未知", "请选择"),
}  # fmt: skip

# What the web app adds, spellings of the above that a keyboard without umlauts gives, and Common Voice's words.
_ALSO_MALE = ("Maennlich", "male_masculine")
_ALSO_FEMALE = ("female_feminine",)
# Only where a corpus says so: the Spanish word for woman begins with M.
_GENDER_LETTERS = {"m": "male", "f": "female"}
_ALSO_YOUTH = ("Младеж", "Девойка", "Jugend")
_ALSO_ADULT = ("Erwachsene",)
_OTHER_GENDER = ("Other", "Andere", "Otro", "Autre", "transgender", "intersex", "non-binary")
# Common Voice's words for ages: youngest, oldest, and the band as its form shows it. They say `fourties`.
_DECADES = {
    "teens": (1, 18, "< 19"),
    "twenties": (19, 29, "19 - 29"),
    "thirties": (30, 39, "30 - 39"),
    "fourties": (40, 49, "40 - 49"),
    "forties": (40, 49, "40 - 49"),
    "fifties": (50, 59, "50 - 59"),
    "sixties": (60, 69, "60 - 69"),
    "seventies": (70, 79, "70 - 79"),
    "eighties": (80, 89, "80 - 89"),
    "nineties": (90, 120, "> 89"),
}
_ALSO_UNSTATED = (
    "not selected", "nicht ausgewählt", "nicht ausgewaehlt", "Bitte auswählen", "Bitte auswaehlen", "Bitte waehlen",
    "no seleccionado", "Seleccione", "non sélectionné", "Veuillez sélectionner", "Veuillez Sélectionnez", "onbekend",
    "n/a", "null", "undefined", "not specified", "unspecified", "do_not_wish_to_say",
)  # fmt: skip
_ANONYMOUS = (
    "anonymous", "анонимен", "анонимна", "анонимно", "anònim", "anònima", "anonym", "ανώνυμος", "ανώνυμη", "ανώνυμο",
    "ανώνυμα", "anónimo", "anónima", "ناشناس", "بی‌نام", "anonyme", "anoniman", "anonimna", "anonimno", "anonimo",
    "anonima", "אנונימי", "אנונימית", "anoniem", "anônimo", "anônima", "аноним", "анонимный", "анонимная", "anonim",
    "anonime", "анонім", "анонімно", "анонімний", "анонімна", "匿名",
)  # fmt: skip
_YES = ("yes", "да", "sí", "ja", "ναι", "بله", "oui", "sì", "כן", "sim", "po", "evet", "так", "是")
_NO = ("no", "не", "nein", "όχι", "خیر", "non", "ne", "לא", "nee", "não", "нет", "jo", "hayır", "ні", "否")


_EDGES = " \t\n\r\f\v\ufeff\u200b;,\"'"
_BRACKETS = {"[": "]", "(": ")", "{": "}"}


def clean(text: str) -> str:
    """A value without blanks around it, quotes, a trailing semicolon, and the brackets in which all of it stands."""
    text = text.strip(_EDGES)
    while _is_in_brackets(text):
        text = text[1:-1].strip(_EDGES)
    return text


def _is_in_brackets(text: str) -> bool:
    opening, closing = text[:1], _BRACKETS.get(text[:1])
    if not closing or text[-1] != closing:
        return False
    depths = accumulate((char == opening) - (char == closing) for char in text)
    return all(depth > 0 for depth in islice(depths, len(text) - 1))


def _index(**words: tuple[str, ...]) -> dict[str, str]:
    return {comparable(word): meaning for meaning, those in words.items() for word in those}


def _of(field: str) -> tuple[str, ...]:
    return tuple(getattr(words, field) for words in LANGUAGES.values())


_UNSTATED = frozenset(map(comparable, ("", *_of("unknown"), *_of("please_select"), *_ALSO_UNSTATED)))
_GENDERS = _index(male=(*_of("male"), *_ALSO_MALE), female=(*_of("female"), *_ALSO_FEMALE), other=_OTHER_GENDER)
_AGE_GROUPS = _index(youth=(*_of("youth"), *_ALSO_YOUTH), adult=(*_of("adult"), *_ALSO_ADULT), senior=_of("senior"))
_YES_OR_NO = _index(yes=_YES, no=_NO)
_NOBODY = frozenset(map(comparable, _ANONYMOUS))

# pandas writes whole numbers as `25.0` where one of the column is missing.
_YEARS = re.compile(r"(\d{1,3})(?:\.0+)?")
_BAND = re.compile(r"(\d{1,3})\s*-+\s*(\d{1,3})")
_OPEN_BAND = re.compile(r"([<>])\s*(\d{1,3})")
_OLDEST_YEARS = 120

#: Where the bins after the first begin.
_DECADE_STARTS_YEARS = (19, 30, 40, 50, 60)

_SIGNS_IN_WORDS = " -/_.:"


@dataclass(frozen=True)
class Stated:
    """What a value says.

    Attributes:
        label: the class, or `other`; None where nothing is stated or nothing could be read.
        problem: why a value could not be read; None where it could, or nothing is stated.
        band: the age band as the web app writes it (`13 - 17`, `> 75`), if the value is one.
        years: the age in years, if the value is one.
        several: the classes that contradict each other, where one README states more than one.
    """

    label: str | None = None
    problem: str | None = None
    band: str | None = None
    years: int | None = None
    several: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        """Whether nothing is stated."""
        return self.label is None and self.problem is None


def is_unstated(text: str) -> bool:
    """Whether a value is blank, a dash, or one of the words for unknown and for an untouched selection."""
    return _word(text) in _UNSTATED


def is_anonymous(user_name: str) -> bool:
    """Whether a user name is blank, `anonymous` in any language, or a word for unknown."""
    return _word(user_name) in _UNSTATED | _NOBODY


def read_each(values: Sequence[str], read: Callable[[str], Stated]) -> Stated:
    """Read what a README states of one thing, which may be several values that differ: then none counts.

    Args:
        read: reads one value.
    """
    if len(values) == 1:
        return read(values[0])
    labels = sorted({label for value in values if (label := read(value).label)})
    return Stated(problem="it states several", several=tuple(labels) if len(labels) > 1 else ())


def read_gender(text: str, *, letters: bool = False) -> Stated:
    """Read a gender: `female`, `male` or `other`.

    Args:
        letters: whether M and F are words of the corpus.
    """
    return _look_up(text, _GENDERS | _GENDER_LETTERS if letters else _GENDERS)


def read_yes_or_no(text: str) -> Stated:
    """Read an answer: `yes` or `no`."""
    return _look_up(text, _YES_OR_NO)


def read_age(text: str, *, youth_below_years: int, senior_from_years: int, age_bins: AgeBins = "groups") -> Stated:
    """Read an age from a word, a band or a number of years, as one of the classes of `AGE_BINS[age_bins]`.

    Args:
        youth_below_years: of groups, an age below it is youth.
        senior_from_years: of groups, an age of that or more is senior.
    """
    stated = _look_up(text, _AGE_GROUPS)
    if not stated.problem:
        is_known = stated.is_blank or age_bins == "groups"
        return stated if is_known else Stated(problem="an age group, which tells no decade")
    starts = _DECADE_STARTS_YEARS if age_bins == "decades" else (youth_below_years, senior_from_years)
    plain = _plain(text)
    years = None
    if decade := _DECADES.get(comparable(plain)):
        youngest, oldest, band = decade
    elif match := _YEARS.fullmatch(plain):
        youngest = oldest = years = int(match[1])
        band = None
    elif match := _BAND.fullmatch(plain):
        youngest, oldest = int(match[1]), int(match[2])
        band = f"{youngest} - {oldest}"
    elif match := _OPEN_BAND.fullmatch(plain):
        # The web app's `> 75` follows `65 - 74`: it begins with 75.
        sign, limit = match[1], int(match[2])
        youngest, oldest = (limit, _OLDEST_YEARS) if sign == ">" else (1, limit - 1)
        band = f"{sign} {limit}"
    else:
        return stated
    if not 1 <= youngest <= oldest <= _OLDEST_YEARS:
        return Stated(problem="no possible age")
    first, last = (AGE_BINS[age_bins][bisect_right(starts, age)] for age in (youngest, oldest))
    if first != last:
        return Stated(problem=f"a band over more than one age {'group' if age_bins == 'groups' else 'bin'}", band=band)
    return Stated(first, band=band, years=years)


def _look_up(text: str, words: dict[str, str]) -> Stated:
    word = _word(text)
    if word in _UNSTATED:
        return Stated()
    return Stated(words[word]) if word in words else Stated(problem="no rule reads it")


def _word(text: str) -> str | None:
    """The comparable form of a value; None if it holds a sign that words have not, as where a letter was lost."""
    plain = _plain(text)
    fits = all(char.isalnum() or char in _SIGNS_IN_WORDS or unicodedata.combining(char) for char in plain)
    return comparable(plain) if fits else None


def _plain(text: str) -> str:
    """A clean value with plain digits, blanks and signs: every dash is a hyphen, and no sign is invisible."""
    text = unicodedata.normalize("NFKC", clean(text).strip("[](){}"))
    categories = {char: unicodedata.category(char) for char in text}
    seen = (char for char in text if categories[char] != "Cf")
    return "".join("-" if categories[char] == "Pd" or char in "−~˗" else char for char in seen).strip()
