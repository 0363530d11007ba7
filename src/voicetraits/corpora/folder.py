"""A folder of audio files and a table of who speaks in them: a user's own data."""

import csv
import posixpath
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field

from voicetraits.errors import DataError, ParameterError
from voicetraits.params import expanded, section
from voicetraits.repacking import RepackParams
from voicetraits.speaker_archives import Recording, Speaker, by_speaker, one_line
from voicetraits.store import Store
from voicetraits.suffixes import AUDIO_SUFFIXES, is_audio

#: Columns that the table must have, and those that it may have: README fields, and what is said.
COLUMNS = ("path", "speaker_id", "gender", "age")
DETAILS = {"language": "Language", "accent": "Pronunciation dialect", "native_speaker": "Native Speaker"}
TRANSCRIPT = "transcript"


@section
class Params(RepackParams):
    """Section `corpora.folder` of params.yaml."""

    path: Annotated[str, Field(min_length=1)] | None
    table: Annotated[str, Field(min_length=1)]


class Layout:
    """The layout of a folder, behind the protocol voicetraits.repacking.Layout.

    Args:
        key: the section in params.yaml, for messages.

    Raises:
        ParameterError: no folder is named, or one in a home that is not known.
    """

    licence = "Own data, brought by whoever runs this; not to be passed on.\n"

    def __init__(self, params: Params, *, key: str) -> None:
        if params.path is None:
            raise ParameterError(
                f"params.yaml: `{key}.path` is not set; it names your folder of audio files, for example with "
                f"`-S {key}.path=/data/voices`"
            )
        self._key = key
        self.left_out: dict[str, int] = {}
        self._folder = expanded(params.path, f"params.yaml: `{key}.path`")
        self._table = self._folder / expanded(params.table, f"params.yaml: `{key}.table`")

    @property
    def source(self) -> str:
        return str(self._folder)

    @property
    def version(self) -> str:
        return str(self._folder.absolute())

    def speakers(self, store: Store) -> list[Speaker]:
        """Whom the table names.

        Raises:
            DataError: folder or table are missing, or the table is not as it must be.
        """
        if not self._folder.is_dir():
            raise DataError(f"{self._folder} is no folder; check {self._key}.path in params.yaml (best absolute)")
        rows = []
        line_of_path: dict[str, int] = {}
        for line, row in self._rows():
            where = f"{self._table}, line {line}"
            path = self._checked_path(row["path"], where)
            if path in line_of_path:
                raise DataError(f"{where}: {path} stands in line {line_of_path[path]} already; list each file once")
            line_of_path[path] = line
            # One person, however an editor wrote the accents and broke the line; VoxForge's names are read alike.
            speaker_id = unicodedata.normalize("NFC", one_line(row["speaker_id"]))
            if not speaker_id:
                raise DataError(
                    f"{where}: speaker_id is blank; name the speaker of every file, so that nobody stands on two sides "
                    f"of a split"
                )
            details = {name: row[column] for column, name in DETAILS.items() if row.get(column)}
            rows.append((speaker_id, row["gender"], row["age"], details, self._recording(path, row)))
        if not rows:
            raise DataError(f"{self._table} has no rows; a row names one audio file: {', '.join(COLUMNS)}")
        return by_speaker(rows)

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for path in paths:
            with suppress(OSError):  # what does not come is reported with its archive
                yield path, (self._folder / path).read_bytes()

    def _rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Line number and values of each row; a missing value is empty."""
        try:
            with open(self._table, encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, restval="", strict=True)
                self._check_columns(reader.fieldnames or ())
                for row in reader:
                    if None in row:
                        raise DataError(
                            f"{self._table}, line {reader.line_num}: {len(row[None])} values more than columns; "
                            f'put a value that has a comma into quotes ("a, b")'
                        )
                    yield reader.line_num, row
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise DataError(
                f"{self._table} is missing; {self._key}.table in params.yaml names a CSV file with the columns "
                f"{', '.join(COLUMNS)}, by its path in {self._key}.path or its absolute path"
            ) from None
        except UnicodeDecodeError as error:
            raise DataError(f"{self._table} is not UTF-8 ({error.reason}); save it as CSV in UTF-8") from None
        except csv.Error as error:
            raise DataError(f"{self._table}, behind line {reader.line_num}: not CSV ({error})") from None

    def _check_columns(self, names: Sequence[str]) -> None:
        for column in COLUMNS:
            if column not in names:
                raise DataError(
                    f"{self._table} has no column {column!r}; its first line must name, separated by commas, "
                    f"{', '.join(COLUMNS)}, and may name {', '.join([*DETAILS, TRANSCRIPT])}; it is "
                    f"{','.join(names)[:200]!r}"
                )
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise DataError(f"{self._table} has the column {doubles[0]!r} twice; keep one")

    def _checked_path(self, text: str, where: str) -> str:
        """The path relative to the folder, in one spelling."""
        if "\0" in text:
            raise DataError(
                f"{where}: the path {text!r} holds the character NUL, which no file name can; save the table as CSV in "
                f"UTF-8 again"
            )
        path = posixpath.normpath(text.strip())
        if Path(path).is_absolute():
            path = posixpath.relpath(path, self._folder.absolute())
        if path.startswith("../") or path == "..":
            raise DataError(f"{where}: the path {text!r} leads out of {self._folder}; allowed: files below it")
        if not text.strip() or path == ".":
            raise DataError(f"{where}: the path is blank")
        if not is_audio(path):
            raise DataError(
                f"{where}: {text!r} is no audio file; allowed: names that end in {', '.join(AUDIO_SUFFIXES)}"
            )
        return self._as_stored(path)

    def _as_stored(self, path: str) -> str:
        """The path in the Unicode form in which the folder has it: some systems take letters and accents apart.

        Where there is no such file, the path as it is.
        """
        found = ""
        for part in path.split("/"):
            forms = (part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD")))
            beside = (posixpath.join(found, one) for one in forms)
            found = next((one for one in beside if _is_there(self._folder / one)), "")
            if not found:
                return path
        return found

    def _recording(self, path: str, row: dict[str, str]) -> Recording:
        try:
            found = (self._folder / path).stat()
        except OSError:
            return Recording(path)
        version = f"{found.st_size} {found.st_mtime_ns}"
        return Recording(path, version=version, bytes=found.st_size, transcript=row.get(TRANSCRIPT, ""))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long a name, a folder that may not be read
        return False
