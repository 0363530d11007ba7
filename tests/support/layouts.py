"""Small corpora of generated voices, each in its own real layout."""

import io
import json
import zipfile
from collections.abc import Mapping
from hashlib import sha512

import numpy as np

from support.submissions import audio_bytes, member, tgz
from support.voices import voice

#: AudioMNIST speakers whose published folds use them, by gender.
AUDIOMNIST = {
    "female": ["36", "47", "56", "26", "12", "57", "43", "28", "52", "58", "59", "60"],
    "male": ["02", "44", "50", "25", "37", "45", "48", "53", "41", "07", "23", "38"],
}


def zipped(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    return tgz(member(name, content) for name, content in files.items())


def audiomnist(per_gender: int = 3, *, clips: int = 2, top: str = "AudioMNIST-master/") -> dict[str, bytes]:
    """The repository's files: its own mixture of numbers and texts in the metadata, and the one age of 1234."""
    meta, files = {}, {}
    for gender, speakers in AUDIOMNIST.items():
        for seed, speaker in enumerate(speakers[:per_gender]):
            age = {"36": 22, "45": "1234"}.get(speaker, str(17 + 24 * (seed % 3)))
            meta[speaker] = {
                "accent": "German",
                "age": age,
                "gender": gender,
                "native speaker": "no",
                "origin": "Europe, Germany, Berlin",
                "recordingdate": "17-08-31-18-06-03",
                "recordingroom": "vr-room",
            }
            for digit in range(clips):
                samples = voice(gender, seed, seconds=0.7, rate_hz=48000)
                samples = np.roll(samples, 10 * digit)
                files[f"{top}data/{speaker}/{digit}_{speaker}_0.wav"] = audio_bytes(samples, 48000)
    texts = {f"{top}README.md": b"AudioMNIST", f"{top}data/audioMNIST_meta.txt": json.dumps(meta).encode()}
    return texts | files


def librispeech(per_sex: int = 3, *, clips: int = 3, part: str = "train-clean-100") -> dict[str, bytes]:
    """A part as it is packed: the tables of all parts, then reader by reader."""
    readers = {str(19 + number): "FM"[number % 2] for number in range(2 * per_sex)}
    table = [
        ";",
        "; Pipe-separated table with information about all the LibriSpeech speakers",
        ";ID  |SEX| SUBSET           |MINUTES| NAME",
        "14   | F | train-clean-360  | 25.03 | Kristin LeMoine",
        "60   | M | test-clean       |  8.00 | A | bar in a name",
        *(f"{reader:5}| {sex} | {part:17}| 25.05 | Réader {reader}" for reader, sex in readers.items()),
    ]
    files = {"LibriSpeech/LICENSE.TXT": b"CC BY", "LibriSpeech/SPEAKERS.TXT": "\n".join(table).encode()}
    for seed, (reader, sex) in enumerate(readers.items()):
        folder = f"LibriSpeech/{part}/{reader}/198"
        names = [f"{reader}-198-{number:04d}" for number in range(clips)]
        for number, name in enumerate(names):
            samples = voice({"F": "female", "M": "male"}[sex], seed, seconds=2.5)
            files[f"{folder}/{name}.flac"] = audio_bytes(np.roll(samples, 10 * number), container="FLAC")
        lines = (f"{name} THE WORDS OF CLIP {name[-1]}\n" for name in names)
        files[f"{folder}/{reader}-198.trans.txt"] = "".join(lines).encode()
    return files


#: Columns of old and new releases of Common Voice.
COMMON_VOICE_COLUMNS = {
    "old": ["client_id", "path", "sentence", "up_votes", "down_votes", "age", "gender", "accent", "locale", "segment"],
    "new": [
        "client_id",
        "path",
        "sentence_id",
        "sentence",
        "sentence_domain",
        "up_votes",
        "down_votes",
        "age",
        "gender",
        "accents",
        "variant",
        "locale",
        "segment",
    ],
}
#: Gender and age words, the gender of the voice, and how many clips.
COMMON_VOICE_PEOPLE = [
    ("male", "twenties", "male", 2),
    ("female", "thirties", "female", 1),
    ("male_masculine", "fourties", "male", 1),
    ("female_feminine", "fifties", "female", 3),
    ("male", "sixties", "male", 1),
    ("female", "seventies", "female", 1),
    ("", "", "male", 1),
    ("other", "teens", "female", 1),
    ("non-binary", "nineties", "male", 1),
    ("female_feminine", "teens", "female", 1),
    ("male_masculine", "", "male", 2),
    ("female", "twenties", "female", 2),
]


def client_id(number: int) -> str:
    """A client_id as they are: 128 hexadecimal digits."""
    return sha512(str(number).encode()).hexdigest()


def common_voice_rows(columns: list[str], people: list = COMMON_VOICE_PEOPLE) -> list[dict[str, str]]:
    """The rows of validated.tsv, the speakers' clips mixed."""
    rows = []
    for number, (gender, age, _, clips) in enumerate(people):
        for clip in range(clips):
            path = f"common_voice_en_{20_000_000 + 97 * clip + number}.mp3"
            sentence = f'He said "{gender} {clip}" and left.'
            known = {"client_id": client_id(number), "path": path, "sentence": sentence, "age": age, "gender": gender}
            about = known | {"accent": "us", "accents": "United States English", "locale": "en", "up_votes": "2"}
            rows.append({column: about.get(column, "") for column in columns})
    return sorted(rows, key=lambda row: row["path"])


def common_voice(
    release: str = "new", *, people: list = COMMON_VOICE_PEOPLE, table: bytes | None = None, behind: bool = True
) -> dict[str, bytes]:
    """A release of one language; its tables stand behind the clips, or before them."""
    columns = COMMON_VOICE_COLUMNS[release]
    rows = common_voice_rows(columns, people)
    folder = "cv-corpus-17.0-2024-03-15/en"
    clips = {}
    for row in rows:
        number = next(at for at in range(len(people)) if client_id(at) == row["client_id"])
        samples = voice(people[number][2], number, seconds=1.5, rate_hz=32000)
        content = audio_bytes(np.roll(samples, len(clips)), 32000, container="MP3", width="MPEG_LAYER_III")
        clips[f"{folder}/clips/{row['path']}"] = content
    lines = ["\t".join(columns), *("\t".join(row.values()) for row in rows)]
    text = "".join(f"{line}\n" for line in lines).encode() if table is None else table
    tables = {f"{folder}/invalidated.tsv": b"client_id\tpath\n", f"{folder}/validated.tsv": text}
    return clips | tables if behind else tables | clips
