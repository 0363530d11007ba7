"""Reads the text files of a folder of archives with tarfile alone: rows as in submissions.parquet and clips.parquet."""

import hashlib
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd

_FIELD_OF_FILE = {
    "readme": "readme", "prompts": "prompts", "prompts-original": "prompts_original", "license": "licence",
}  # fmt: skip


def read_folder(folder: Path) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    submissions, clips = [], []
    for path in sorted(folder.glob("*.tgz")):
        archive = path.name.removesuffix(".tgz")
        row: dict[str, Any] = {"archive": archive, **dict.fromkeys(_FIELD_OF_FILE.values()), "audio_members": []}
        with tarfile.open(path) as members:
            for member in members:
                name = Path(member.name)
                if name.suffix in (".wav", ".flac"):
                    row["audio_members"].append(name.stem)
                    digest = hashlib.sha256(members.extractfile(member).read()).hexdigest()
                    clips.append((f"{archive}/{name.stem}", archive, digest, 1.0))
                elif field := _FIELD_OF_FILE.get(name.name.lower()):
                    row[field] = members.extractfile(member).read()
        submissions.append(row)
    return submissions, pd.DataFrame(clips, columns=["utterance_id", "archive", "audio_sha256", "duration_seconds"])
