"""Writes values into params.yaml as `dvc exp run -S` does, which leaves every comment where it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from voicetraits.files import written_aside


def write_values(path: Path, values: Mapping[str, Any]) -> None:
    """Set dotted keys; of a section that is there, new ones are added at its end."""
    yaml = YAML()
    yaml.default_flow_style = False
    content = yaml.load(path)
    for key, value in values.items():
        *sections, name = key.split(".")
        place = content
        for section in sections:
            place = place[section]
        place[name] = value
    with written_aside(path) as aside, open(aside, "w", encoding="utf-8", newline="\n") as file:
        yaml.dump(content, file)
