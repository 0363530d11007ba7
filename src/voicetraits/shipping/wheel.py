"""Writes a wheel, the same bytes for the same content: the binary distribution format 1.0 with core metadata 2.4.

Written out here, since build backends pack a source tree as it is, and this one is put together.
"""

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicetraits.files import written_aside

#: The earliest that a zip file can state; and a plain file that all may read.
_TIME, _MODE = (1980, 1, 1, 0, 0, 0), 0o100644


@dataclass(frozen=True)
class Description:
    """What installers must know of a wheel.

    Attributes:
        name: of the distribution.
        version: of it (PEP 440).
        summary: in one line.
        python: its releases that are supported, as a specifier.
        requirements: by extra, as in requirements.txt; "" holds what is always needed.
        commands: console scripts, name: `module:function`.
        page: in Markdown.
        licence: of the code, as SPDX has it.
        licence_files: texts by name.
    """

    name: str
    version: str
    summary: str
    python: str
    requirements: Mapping[str, Sequence[str]]
    commands: Mapping[str, str]
    page: str
    licence: str
    licence_files: Mapping[str, str]

    @property
    def file_name(self) -> str:
        """The wheel's name."""
        return f"{self.name}-{self.version}-py3-none-any.whl"

    @property
    def metadata(self) -> str:
        """The file METADATA."""
        lines = [
            "Metadata-Version: 2.4",
            f"Name: {self.name}",
            f"Version: {self.version}",
            f"Summary: {self.summary}",
            f"License-Expression: {self.licence}",
            *(f"License-File: {name}" for name in self.licence_files),
            f"Requires-Python: {self.python}",
            "Description-Content-Type: text/markdown",
        ]
        for extra, requirements in self.requirements.items():
            lines += [f"Provides-Extra: {extra}"] if extra else []
            lines += [f"Requires-Dist: {_only_with(extra, requirement)}" for requirement in requirements]
        return "\n".join(lines) + f"\n\n{self.page}"


def write_wheel(description: Description, files: Mapping[str, bytes], folder: Path) -> Path:
    """Write a wheel into a folder.

    Args:
        files: what gets installed, by path in site-packages.

    Returns:
        its path.
    """
    info = f"{description.name}-{description.version}.dist-info"
    scripts = "".join(f"{name} = {target}\n" for name, target in description.commands.items())
    content = dict(sorted(files.items())) | {
        **{f"{info}/licenses/{name}": text.encode() for name, text in description.licence_files.items()},
        f"{info}/METADATA": description.metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: voicetraits\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{scripts}".encode(),
    }
    record = [f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in content.items()]
    content[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"]).encode()
    path = folder / description.file_name
    with written_aside(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr, entry.create_system = _MODE << 16, 3
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    return path


def _only_with(extra: str, requirement: str) -> str:
    """A requirement that holds where an extra is asked for."""
    if not extra:
        return requirement
    what, _, marker = requirement.partition(";")
    return f"{what.strip()} ; {f'({marker.strip()}) and ' if marker else ''}extra == '{extra}'"


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
