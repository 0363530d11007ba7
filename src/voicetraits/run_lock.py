"""What dvc.lock tells of the last run, and whether files are still those that it wrote."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from voicetraits.errors import DataError

LOCK = "dvc.lock"


def read_stages(path: Path) -> dict[str, Any]:
    """Stages of a dvc.lock by name.

    Raises:
        DataError: it is damaged.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        stages = yaml.load(path.read_text(encoding="utf-8"), loader)["stages"]
        digests_of(stages)
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged ({reason}); restore it with git") from None
    return stages


def digests_of(stages: Mapping[str, Any]) -> dict[str, str]:
    """md5 of each output of a run, by its path from the project's root."""
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", ())}


def check_current(stages: Mapping[str, Any], project: Path, paths: Iterable[str | Path]) -> None:
    """See that outputs are those of the run that dvc.lock tells of.

    Args:
        stages: of dvc.lock.
        project: the project's root.
        paths: from there.

    Raises:
        DataError: one is missing, or differs.
    """
    digests = digests_of(stages)
    for path in paths:
        name = Path(path).as_posix()
        if not (project / name).exists():
            raise DataError(f"{name} is missing; `dvc repro` makes it, `dvc pull` fetches it")
        if digests.get(name) != md5_of(project / name):
            raise DataError(f"{name} is not what {LOCK} says, so figures and models may differ; run `dvc repro`")


def md5_of(path: Path) -> str:
    """As DVC computes it: of a folder, over the JSON of its files' paths and digests."""
    if not path.is_dir():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    # DVC sorts by the parts of a path.
    entries = [
        {"md5": md5_of(files[name]), "relpath": name} for name in sorted(files, key=lambda name: name.split("/"))
    ]
    text = json.dumps(entries, sort_keys=True)
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"
