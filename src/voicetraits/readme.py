"""Reads the README of a VoxForge submission, of any generation of the submission apps, into its fields."""

import re
from typing import NamedTuple

from voicetraits.labels import LANGUAGES
from voicetraits.words import comparable

#: Field: the keys under which READMEs have it. Case, diacritics, blanks and signs in a key don't count.
_KEYS = {
    "speaker_id": ("Speaker ID",),
    "user_name": ("User Name", "Benutzername", "Nutzername", "Nombre de Usuario", "Nom d'utilisateur"),
    "gender": ("Gender", "Sex", *(words.gender_label for words in LANGUAGES.values())),
    "age": ("Age Range", "Age", "Alter", *(words.age_label for words in LANGUAGES.values())),
    "language": ("Language",),
    "native_speaker": ("Native Speaker",),
    "dialect": ("Pronunciation dialect", "Pronunication dialect"),
    "sub_dialect": ("sub-dialect",),
    "first_language": ("first language",),
    "microphone_make": ("Microphone make",),
    "microphone_type": ("Microphone type",),
    "recording_location": ("Recording Location",),
    "background_noise": ("Background Noise",),
    "noise_volume": ("Noise Volume",),
    "noise_type": ("Noise Type",),
    "licence": ("License", "Licence"),
}
FIELDS = tuple(_KEYS)

_FIELD_OF_KEY = {comparable(key): field for field, keys in _KEYS.items() for key in keys}
#: What READMEs say of the recording as a file, for which the file itself counts, and of the machine.
_OF_THE_FILE = (
    "Audio card make", "Audio card type", "Audio Recording Software", "O/S", "Browser", "File type", "Sampling Rate",
    "Sample Rate", "Sample rate format", "Sample Rate Format (bit depth)", "Number of channels",
)  # fmt: skip
_KNOWN_KEYS = {*_FIELD_OF_KEY, *map(comparable, _OF_THE_FILE)}
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_KEY_AND_VALUE = re.compile(r"([^:：﹕]*)[:：﹕](.*)", re.DOTALL)
# All control characters but the tab.
_CONTROLS = dict.fromkeys([*range(9), *range(10, 32), 127])


def decode_lines(data: bytes) -> list[str]:
    """The lines of a text file: each UTF-8, else Windows-1252, else Latin-1, as several hands may have written to it.

    Control characters and a byte order mark are left out.
    """
    return [_decode(line).translate(_CONTROLS) for line in _LINE_ENDS.split(data.removeprefix(b"\xef\xbb\xbf"))]


def _decode(line: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


#: Between the values of a field that stands in a README with several.
SEPARATOR = " | "


def parse_readme(data: bytes) -> dict[str, str]:
    """The fields of a README that it has, of `FIELDS`, as raw text without blanks around it.

    A field that stands there twice with different values has both, joined by `SEPARATOR`, so that no rule reads a
    contradiction as a label. Of several user names the first counts.
    """
    fields: dict[str, str] = {}
    for line in decode_lines(data):
        match = _KEY_AND_VALUE.match(line)
        field = _FIELD_OF_KEY.get(comparable(match[1])) if match else None
        if not field:
            continue
        value = match[2].strip()
        before = fields.get(field, "")
        if not before or not value or comparable(value) == comparable(before):
            fields[field] = before or value
        elif field != "user_name":
            fields[field] = before + SEPARATOR + value
    return fields


class UnreadLine(NamedTuple):
    """A line of a README that says something of which nobody knows what."""

    text: str
    has_key: bool


def unread_lines(data: bytes) -> list[UnreadLine]:
    """The lines of a README that say something of which nobody knows what: of no known key, or of no key at all."""
    unread = []
    for line in decode_lines(data):
        match = _KEY_AND_VALUE.match(line)
        says_nothing = not match[2].strip() if match else not line.strip()
        if not says_nothing and (match is None or comparable(match[1]) not in _KNOWN_KEYS):
            unread.append(UnreadLine(" ".join(line.split()), match is not None))
    return unread
