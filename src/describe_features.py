"""Writes the table of all features into src/voicetraits/features/README.md, from what the extractor knows of itself."""

from pathlib import Path

from voicetraits import params, stage
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.files import written_aside

PAGE = Path("src/voicetraits/features/README.md")
START, END = "<!-- table: python src/describe_features.py -->\n", "<!-- end of table -->\n"


def main() -> None:
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    with written_aside(PAGE) as aside:
        aside.write_text(before + START + table() + END + rest.split(END)[1], encoding="utf-8")


def table() -> str:
    """A Markdown row for each feature at the settings of params.yaml."""
    extractor = FeatureExtractor(params.get(params.load(), "featurize", FeaturizeParams))
    rows = [f"| `{feature.name}` | {feature.unit} | {feature.definition} |" for feature in extractor.features]
    return "\n".join(["| name | unit | definition |", "| --- | --- | --- |", *rows]) + "\n"


if __name__ == "__main__":
    stage.run(main)
