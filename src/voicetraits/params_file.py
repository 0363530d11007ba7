"""Writes values into params.yaml and leaves every comment where it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from voicetraits.files import written_aside


class _Representer(RoundTripRepresenter):
    """Writes null as `null`, as the file has it, and not as nothing."""


_Representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def write_values(path: Path, values: Mapping[str, Any]) -> None:
    """Set dotted keys; of a section that is there, new ones are added at its end."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.preserve_quotes, yaml.width = True, 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(path)
    for key, value in values.items():
        *sections, name = key.split(".")
        place = content
        for section in sections:
            place = place[section]
        place[name] = value
    with written_aside(path) as aside, open(aside, "w", encoding="utf-8", newline="\n") as file:
        yaml.dump(content, file)
