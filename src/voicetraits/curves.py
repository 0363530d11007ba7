"""Learning curves through DVCLive, which `dvc plots`, `dvc exp show` and VS Code's DVC extension read."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from dvclive import Live
from scmrepo.exceptions import SCMError

from voicetraits.errors import DataError
from voicetraits.files import folder_anew, write_csv
from voicetraits.training import OpenLog


@contextmanager
def recorded_curves(folder: Path, figures: Sequence[str]) -> Iterator[OpenLog]:
    """Record the figures of each step below `folder`, anew: as DVCLive does, and in one table, `curves.csv`.

    Yields a function that opens the log of a fold: fold 0 logs `loss/train`, fold 3 `fold-3/loss/train`, and the model
    that inference loads, where it is none of the folds', `final/loss/train`. Where nothing is logged (the target was
    skipped), the table and the files of `figures` hold a header only, so that plots still find them.

    Raises:
        DataError: git has no commit yet, without which DVCLive does not start.
    """
    with folder_anew(folder) as aside:
        try:
            live = Live(str(aside), save_dvc_exp=False, dvcyaml=None, report=None)
        except SCMError:
            raise DataError('git has no commit yet: run `git add -A && git commit -m "Start"` once') from None

        rows: list[tuple] = []

        def open_log(fold: str) -> "_Log":
            return _Log(live, fold, rows)

        with live:
            yield open_log
        for figure in figures:
            curve = aside / "plots" / "metrics" / f"{figure}.tsv"
            if not curve.exists():
                curve.parent.mkdir(parents=True, exist_ok=True)
                curve.write_text(f"step\t{curve.stem}\n")
        write_csv(pd.DataFrame(rows, columns=["fold", "figure", "side", "step", "value"]), aside / "curves.csv")


class _Log:
    def __init__(self, live: Live, fold: str, rows: list[tuple]) -> None:
        self._live, self._fold, self._rows = live, fold, rows
        self._prefix = {"0": "", "final": "final/"}.get(fold, f"fold-{fold}/")

    def __call__(self, step: int, figures: Mapping[str, float]) -> None:
        self._live.step = step
        for name, value in figures.items():
            self._live.log_metric(self._prefix + name, float(value))
            figure, side = name.split("/")
            self._rows.append((self._fold, figure, side, step, float(value)))
