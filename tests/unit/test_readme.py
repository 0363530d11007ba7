"""READMEs of every generation, language and encoding, with every irregularity, into raw fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.readmes import VOCABULARY, Readme
from voicetraits.labels import read_age, read_gender
from voicetraits.readme import FIELDS, decode_lines, parse_readme

OLDER_APP = b"""User Name:Aaron

Speaker Characteristics:

Gender: Male
Age Range: Adult
Language: EN
Pronunciation dialect: New Zealand English

Recording Information:

Microphone make: n/a
Microphone type: Headset mic
Audio card make: unknown
Audio card type: unknown
Audio Recording Software: VoxForge Speech Submission Application
O/S:

File Info:

File type: wav
Sampling Rate: 48000
Sample rate format: 16
Number of channels: 1
"""

WEB_APP = """User Name: cobra

Speaker Characteristics:

Gender: Männlich
Age Range: 18 - 29
Language: de
Native Speaker: No
Pronunciation dialect: Other - Plattdeutsch
  sub-dialect: Ostfriesisch
  first language: French

Recording Information:

Microphone Type: Other - lapel
Recording Location: Indoors
Background Noise: Yes
Noise Volume: Low - constant
Noise Type: Fan/Air Conditioner
Audio Recording Software: VoxForge Javascript speech submission application
O/S: Android 8.0
Browser: Chrome 66: mobile

License: CC_BY-SA

File Info:

File type: wav
Sample Rate: 44100
Sample Rate Format (bit depth): 16
Number of channels: 1
""".encode()


def test_older_app():
    assert parse_readme(OLDER_APP) == {
        "user_name": "Aaron",
        "gender": "Male",
        "age": "Adult",
        "language": "EN",
        "dialect": "New Zealand English",
        "microphone_make": "n/a",
        "microphone_type": "Headset mic",
    }


def test_web_app():
    assert parse_readme(WEB_APP) == {
        "user_name": "cobra",
        "gender": "Männlich",
        "age": "18 - 29",
        "language": "de",
        "native_speaker": "No",
        "dialect": "Other - Plattdeutsch",
        "sub_dialect": "Ostfriesisch",
        "first_language": "French",
        "microphone_type": "Other - lapel",
        "recording_location": "Indoors",
        "background_noise": "Yes",
        "noise_volume": "Low - constant",
        "noise_type": "Fan/Air Conditioner",
        "licence": "CC_BY-SA",
    }


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("Sex: Female", "gender", "Female"),
        ("GENDER: MALE", "gender", "MALE"),
        ("gender : male", "gender", "male"),
        ("Pronunication dialect: Other", "dialect", "Other"),
        ("Gender:\t\tMale", "gender", "Male"),
        ("\t\tGender: Male", "gender", "Male"),
        ("Gender:Male", "gender", "Male"),
        ("Gender： 男", "gender", "男"),
        ("性别：男", "gender", "男"),
        ("Gender: [male]", "gender", "[male]"),
        ("Gender: Male;", "gender", "Male;"),
        ("Gender:", "gender", ""),
        ("Age Range: Please Select: now", "age", "Please Select: now"),
        ("Age: 31", "age", "31"),
        ("Tranche d’âge: Adulte", "age", "Adulte"),
        ("جنسيت: مذکر", "gender", "مذکر"),
        ("Generic: Maschio", None, None),
        ("Gender Male", None, None),
        (": Male", None, None),
        ("Not the Gender: Male", None, None),
    ],
)
def test_lines(line, field, value):
    assert parse_readme(line.encode()) == ({field: value} if field else {})


@pytest.mark.parametrize("language", VOCABULARY)
def test_labels_of_both_fields_in_every_language(language):
    row = VOCABULARY[language]
    for change in (str, str.upper, str.lower):
        readme = Readme(gender_label=change(row["gender_label"]), age_label=change(row["age_label"]))
        fields = parse_readme(readme.render())
        assert (fields["gender"], fields["age"]) == ("Male", "Adult")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("byte_order_mark", [False, True])
def test_line_ends_and_byte_order_mark(line_end, byte_order_mark):
    readme = Readme(gender="Féminin", line_end=line_end, byte_order_mark=byte_order_mark)
    assert parse_readme(readme.render()) == parse_readme(OLDER_APP) | {"gender": "Féminin"}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Männlich".encode(), "Männlich"),
        ("Männlich".encode("latin-1"), "Männlich"),
        ("13 – 17".encode("cp1252"), "13 – 17"),
        (b"\x81\xe4", "\x81ä"),  # no Windows-1252
        (b"Ma\x00le\x1b", "Male"),
        (b"a\x0bb\x0cc\x1c", "abc"),
        ("a\u2028b\x85c".encode(), "a\u2028b\x85c"),  # no line ends
    ],
)
def test_decoding(data, text):
    assert decode_lines(data) == [text]


def test_each_line_has_its_own_encoding():
    assert decode_lines("ä\r\n".encode() + "ä\r".encode("latin-1") + "я".encode()) == ["ä", "ä", "я"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", bytes(range(256)), b"PK\x03\x04" * 50])
def test_nothing_to_read(data):
    assert parse_readme(data) == {}


def test_a_field_with_two_values_reads_as_neither():
    fields = parse_readme(
        b"User Name: a\nGender: Male\nGender: Female\nUser Name: b\nAge Range: Adult\nAge Range: adult;\n"
    )
    assert fields == {"user_name": "a", "gender": "Male | Female", "age": "Adult"}
    assert read_gender(fields["gender"]).problem


def test_a_blank_field_gives_way_to_its_repetition():
    assert parse_readme(b"Gender:\nGender: Male\nGender: \n") == {"gender": "Male"}


@given(st.binary(max_size=400))
def test_random_bytes_are_read_without_an_error(data):
    fields = parse_readme(data)
    assert set(fields) <= set(FIELDS)
    assert all(value == value.strip() for value in fields.values())


LABEL_LINES = st.sampled_from(
    [b"Gender:", b"\nSex:", "\nПол：".encode(), b"Age Range", b"\xef\xbb\xbfAge:", b" Male", b"\r", b"\xe4", b"\n"]
)


@given(st.lists(st.one_of(LABEL_LINES, st.binary(max_size=5)), max_size=12).map(b"".join))
def test_values_are_never_longer_than_what_is_written(data):
    for value in parse_readme(data).values():
        assert len(value.encode()) <= 3 * len(data)
        read_gender(value), read_age(value, youth_below_years=18, senior_from_years=65)


@st.composite
def readmes(draw):
    """A README in two languages, one for its labels and one for its values, with any of the irregularities."""
    labels, words = (draw(st.sampled_from(list(VOCABULARY.values()))) for _ in range(2))
    gender, age = draw(st.sampled_from(["male", "female"])), draw(st.sampled_from(["youth", "adult", "senior"]))
    case = draw(st.sampled_from([str, str.upper, str.lower]))
    bracketed = draw(st.booleans())
    readme = Readme(
        gender=case(words[gender]),
        age=case(words[age]),
        gender_label=draw(st.sampled_from([labels["gender_label"], "Gender", "GENDER", "Sex"])),
        age_label=draw(st.sampled_from([labels["age_label"], "Age Range"])),
        dialect_label=draw(st.sampled_from(["Pronunciation dialect", "Pronunication dialect"])),
        colon=draw(st.sampled_from([": ", ":", ":\t\t", " : ", "："])),
        before_value="[" if bracketed else "",
        after_value=("]" if bracketed else "") + draw(st.sampled_from(["", ";", " ", "\t", " ; "])),
        line_end=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        before_line=draw(st.sampled_from(["", "\t", "\t\t ", "  "])),
        byte_order_mark=draw(st.booleans()),
    )
    if draw(st.booleans()):
        try:
            readme.render().decode().encode("cp1252")
        except UnicodeEncodeError:
            return readme, gender, age
        return Readme(**{**vars(readme), "encoding": "cp1252", "byte_order_mark": False}), gender, age
    return readme, gender, age


@given(readmes())
def test_rendered_readmes_are_read_back(rendered):
    readme, gender, age = rendered
    fields = parse_readme(readme.render())
    assert read_gender(fields["gender"]).label == gender
    assert read_age(fields["age"], youth_below_years=18, senior_from_years=65).label == age
    assert fields["user_name"] == "Aaron"
    assert fields["dialect"].strip("[] ;\t") == "New Zealand English"
