"""Learning curves through DVCLive, which `dvc plots`, `dvc exp show` and VS Code's DVC extension read."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dvclive import Live
from scmrepo.exceptions import SCMError

from voicetraits.errors import DataError
from voicetraits.files import folder_anew
from voicetraits.training import OpenLog


@contextmanager
def recorded_curves(folder: Path, figures: Sequence[str]) -> Iterator[OpenLog]:
    """Record the figures of each step below `folder`, anew.

    Yields a function that opens the log of a fold: fold 0 logs `loss/train`, fold 3 `fold-3/loss/train`. Where nothing
    is logged (the target was skipped), the files of `figures` hold a header only, so that plots still find them.

    Raises:
        DataError: git has no commit yet, without which DVCLive does not start.
    """
    with folder_anew(folder) as aside:
        try:
            live = Live(str(aside), save_dvc_exp=False, dvcyaml=None, report=None)
        except SCMError:
            raise DataError('git has no commit yet: run `git add -A && git commit -m "Start"` once') from None

        def open_log(fold: str) -> "_Log":
            return _Log(live, "" if fold == "0" else f"fold-{fold}/")

        with live:
            yield open_log
        for figure in figures:
            curve = aside / "plots" / "metrics" / f"{figure}.tsv"
            if not curve.exists():
                curve.parent.mkdir(parents=True, exist_ok=True)
                curve.write_text(f"step\t{curve.stem}\n")


class _Log:
    def __init__(self, live: Live, prefix: str) -> None:
        self._live, self._prefix = live, prefix

    def __call__(self, step: int, figures: Mapping[str, float]) -> None:
        self._live.step = step
        for name, value in figures.items():
            self._live.log_metric(self._prefix + name, float(value))
