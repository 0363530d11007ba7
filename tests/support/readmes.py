"""Renders VoxForge READMEs as the submission apps of several generations write them, and with what goes wrong."""

import csv
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

#: Language: column: word, as the older app shows them. Kept apart from the library's own words, to check them.
VOCABULARY = {
    row["language"]: row
    for row in csv.DictReader(Path(__file__).with_name("readme_vocabulary.csv").read_text("utf-8").splitlines())
}


@dataclass(frozen=True)
class Readme:
    """What to write, and how. Each of the latter is an irregularity that real READMEs show."""

    user_name: str = "Aaron"
    gender: str = "Male"
    age: str = "Adult"
    gender_label: str = "Gender"
    age_label: str = "Age Range"
    dialect_label: str = "Pronunciation dialect"
    more: dict[str, str] = field(default_factory=dict)
    colon: str = ": "
    before_value: str = ""
    after_value: str = ""
    line_end: str = "\n"
    before_line: str = ""
    byte_order_mark: bool = False
    encoding: str = "utf-8"

    def render(self) -> bytes:
        values = {
            self.gender_label: self.gender,
            self.age_label: self.age,
            "Language": "EN",
            self.dialect_label: "New Zealand English",
            **self.more,
        }
        lines = [
            f"User Name:{self.user_name}",
            "",
            "Speaker Characteristics:",
            "",
            *(
                f"{self.before_line}{key}{self.colon}{self.before_value}{value}{self.after_value}"
                for key, value in values.items()
            ),
            "",
            "Recording Information:",
            "",
            "Microphone make: n/a",
            "Microphone type: Headset mic",
            "O/S:",
            "",
            "File Info:",
            "",
            "Sampling Rate: 48000",
        ]
        data = "".join(line + self.line_end for line in lines).encode(self.encoding)
        return b"\xef\xbb\xbf" + data if self.byte_order_mark else data


def without_diacritics(text: str) -> str:
    """The text as typed on a keyboard that has no diacritics."""
    decomposed = unicodedata.normalize("NFD", text).replace("ı", "i")
    return "".join(char for char in decomposed if not unicodedata.combining(char))
