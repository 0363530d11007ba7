"""PROMPTS and prompts-original into transcripts."""

from hypothesis import given
from hypothesis import strategies as st

from voicetraits.prompts import parse_prompts, read_transcripts

PROMPTS = b"Aaron-20080318-kdl/mfc/b0019 HIS SLIM HANDS\nAaron-20080318-kdl/mfc/b0020 HE MADE NO REPLY\n"
ORIGINAL = b"b0019 His slim hands. \nb0021 Philip dropped back.\n"


def test_capitals_with_paths():
    assert parse_prompts(PROMPTS) == {"b0019": "HIS SLIM HANDS", "b0020": "HE MADE NO REPLY"}


def test_text_as_read_goes_before_capitals():
    assert read_transcripts(PROMPTS, ORIGINAL) == {
        "b0019": "His slim hands.",
        "b0020": "HE MADE NO REPLY",
        "b0021": "Philip dropped back.",
    }


def test_missing_files():
    assert read_transcripts(None, None) == {}
    assert read_transcripts(PROMPTS, None) == parse_prompts(PROMPTS)
    assert read_transcripts(None, ORIGINAL) == parse_prompts(ORIGINAL)


def test_irregular_lines():
    data = (
        "\ufeffde1-01\tSchöne  Grüße\r\n\r\nde1-02\r*/de1-03 Äpfel\rde1-04.wav x\n a\\mfc\\de1-05 y\nde1-01 n".encode()
    )
    assert parse_prompts(data) == {
        "de1-01": "Schöne Grüße", "de1-03": "Äpfel", "de1-04": "x", "de1-05": "y",
    }  # fmt: skip
    assert parse_prompts("de1-01 Grüße".encode("latin-1")) == {"de1-01": "Grüße"}


@given(st.binary(max_size=300))
def test_random_bytes_are_read_without_an_error(data):
    assert all(utterance and text for utterance, text in parse_prompts(data).items())


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,3}[0-9]{1,4}(-[0-9])?", fullmatch=True),
        st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1).map(" ".join),
    )
)
def test_written_prompts_are_read_back(transcripts):
    data = "".join(f"a-20080101-b/mfc/{utterance} {text}\n" for utterance, text in transcripts.items()).encode()
    assert parse_prompts(data) == transcripts
