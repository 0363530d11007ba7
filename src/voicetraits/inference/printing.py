"""Prints rows of answers as they come (CSV, JSON) or at the end (a table for people)."""

import csv
import json
import os
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from voicetraits.inference.explaining import Explanation

#: Of a table that goes into a file, in characters.
_WIDTH = 160


class Format(StrEnum):
    """How answers are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def readable(path: str) -> str:
    """A file's name as it can be printed: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


class Printer:
    """Prints in one of the formats; `close` ends it.

    Args:
        columns: of the CSV.
        out: where to.
    """

    def __init__(self, form: Format, columns: Sequence[str], out: TextIO = sys.stdout) -> None:
        self._form, self._out = form, out
        self._rows: list[dict[str, Any]] = []
        self._explained: list[tuple[str, Mapping[str, Explanation]]] = []
        self._written = 0
        if form == Format.CSV:
            self._csv = csv.DictWriter(out, columns, lineterminator="\n")
            self._csv.writeheader()

    def add(
        self,
        rows: Sequence[dict[str, Any]],
        content: dict[str, Any],
        explanations: Mapping[str, Explanation] | None = None,
    ) -> None:
        """Print one sound's answers.

        Args:
            rows: for CSV and table.
            content: for JSON.
            explanations: by target, for JSON and table.
        """
        if explanations is not None:
            content = content | {"explanations": {target: one.as_dict() for target, one in explanations.items()}}
            self._explained.append((content["path"], explanations))
        if self._form == Format.CSV:
            self._csv.writerows(rows)
        elif self._form == Format.JSON:
            text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
            self._out.write(",\n" if self._written else "[\n")
            self._out.write(text)
        self._rows += rows if self._form == Format.TABLE else []
        self._written += 1
        self._out.flush()

    def close(self) -> None:
        """Print what comes at the end."""
        if self._form == Format.JSON:
            self._out.write("\n]\n" if self._written else "[]\n")
        elif self._form == Format.TABLE and self._rows:
            _table(self._rows, self._out)
            for path, explanations in self._explained:
                for explanation in explanations.values():
                    _explained(path, explanation, self._out)


def _table(rows: Sequence[dict[str, Any]], out: TextIO) -> None:
    console = Console(file=out) if out.isatty() else Console(file=out, width=_WIDTH)
    has_times = any("start_seconds" in row for row in rows)
    table = Table(box=None, pad_edge=False)
    table.add_column("sound", overflow="fold")
    for name in (*(("from s", "to s") if has_times else ()), "target", "answer", "sure", "speech", "pitch", "model"):
        table.add_column(name, justify="left" if name in ("target", "answer", "model") else "right")
    for row in rows:
        times = [_number(row.get(name), "{:.1f}") for name in ("start_seconds", "end_seconds")] if has_times else []
        _add(
            table, row["path"], *times, row.get("target", ""), row.get("label") or f"({row['refusal']})",
            _number(row.get("confidence"), "{:.0%}"), _number(row.get("speech_share"), "{:.0%}"),
            _number(row.get("f0_median_hz"), "{:.0f} Hz"), row.get("model", ""),
        )  # fmt: skip
    console.print(table)


def _explained(path: str, explanation: Explanation, out: TextIO) -> None:
    title = f"\n{path}, {explanation.target}: what speaks for {explanation.leans_to} (+) or against it (−)"
    table = Table(box=None, pad_edge=False, title_justify="left", title=Text(title, "italic"))
    table.add_column("feature")
    for name in ("here", "in training", "training speakers with less", "moved the answer by"):
        table.add_column(name, justify="right")
    for moved in explanation.features:
        unit = "" if moved.unit == "1" else f" {moved.unit}"
        values = (f"{moved.value:.4g}{unit}", f"{moved.training_mean:.4g}{unit}")
        _add(table, moved.feature, *values, _number(moved.share_below, "{:.0%}"), f"{moved.contribution:+.2f}")
    console = Console(file=out) if out.isatty() else Console(file=out, width=_WIDTH)
    console.print(table)


def _add(table: Table, *cells: str) -> None:
    """Add a row as it is: rich takes brackets and colons in plain strings, as in names of files, for markup."""
    table.add_row(*map(Text, cells))


def _number(value: float | None, pattern: str) -> str:
    return "" if value is None else pattern.format(value)
