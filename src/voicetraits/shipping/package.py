"""Puts a package together: a model, its card, licences, and the predictor with what it needs; see `installed`."""

import re
from hashlib import sha256
from pathlib import Path

from voicetraits.files import sha256_of
from voicetraits.inference.loading import LOCK_DIGEST
from voicetraits.shipping.contents import ENTRY, Model, modules_for, requirements_of
from voicetraits.shipping.wheel import Description, write_wheel

NAME, COMMAND = "voicetraits", "voicetraits-predict"
#: As tools/setup.sh has them.
PYTHON = ">=3.11,<3.13"
_SHIPPED = "voicetraits/shipped"
_DIGITS = 12


def write_package(models: dict[str, Model], project: Path, *, card: str, notice: str, folder: Path) -> Path:
    """Write the wheel of some models into a folder.

    Its version ends in the model's name and a digest of all that is in it: another content is another version, so
    that pip puts it in the place of the one before.

    Args:
        models: of one kind, by target.
        project: the project's root: code, dvc.lock, requirements.txt and LICENSE.
        card: the model card, in Markdown.
        notice: what the licences of the training data ask for, in Markdown.

    Returns:
        its path.

    Raises:
        DataError: requirements.txt does not pin what is imported.
    """
    modules = modules_for(list(models.values()))
    src = project / "src"
    files = {path.resolve().relative_to(src.resolve()).as_posix(): path.read_bytes() for path in modules.values()}
    for target, model in models.items():
        files |= {
            f"{_SHIPPED}/{target}/{path.relative_to(model.folder).as_posix()}": path.read_bytes()
            for path in sorted(model.folder.rglob("*"))
            if path.is_file()
        }
    # Above the models, where they find which run made them.
    files[f"{_SHIPPED}/{LOCK_DIGEST}"] = f"{sha256_of(project / 'dvc.lock')}\n".encode()
    files[f"{_SHIPPED}/MODEL_CARD.md"] = card.encode()
    kind = next(iter(models.values())).config.model
    pinned = (project / "requirements.txt").read_text(encoding="utf-8")
    known = {
        "name": NAME,
        "summary": f"Says how a voice is labelled: the model {kind} for {' and '.join(models)}, with its predictor",
        "python": PYTHON,
        "requirements": requirements_of(modules, pinned),
        "commands": {COMMAND: f"{ENTRY}:main"},
        "page": card,
        "licence": "Apache-2.0",
        "licence_files": {"LICENSE": (project / "LICENSE").read_text(encoding="utf-8"), "NOTICE.md": notice},
    }
    return write_wheel(Description(version=_version(kind, files, known), **known), files, folder)


def _version(kind: str, files: dict[str, bytes], known: dict) -> str:
    digest = sha256(repr(sorted(known.items())).encode())
    for name, data in sorted(files.items()):
        digest.update(f"\0{name}\0{len(data)}\0".encode() + data)
    # A local version has letters, digits and dots only.
    return f"0+{re.sub('[^a-z0-9]+', '.', kind.lower())}.{digest.hexdigest()[:_DIGITS]}"
