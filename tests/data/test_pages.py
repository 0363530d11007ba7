"""The pages say what is: figures are those of the committed runs, tables are those that the code makes."""

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
from ruamel.yaml import YAML

import describe_features
import summary
from voicetraits.models.net_names import NETS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_figures_of_the_committed_run():
    figures = json.loads((ROOT / "metrics/evaluate.json").read_text(encoding="utf-8"))
    assert summary.table(figures) in README, "put what `python src/summary.py` prints into README.md"


def test_the_readme_quotes_the_results_on_real_speech():
    """Each table row in the section stands in the page that `make results` wrote."""
    section = README.split("## Results on real speech")[1].split("\n## ")[0]
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "metrics/results").glob("*/README.md"))
    rows = [line for line in section.splitlines() if line.startswith("| ") and re.search(r"\d\.\d{3}", line)]
    assert len(rows) >= 3
    for row in rows:
        assert row in pages, row


def test_results_are_those_that_make_results_writes_now():
    folders = [path.parent for path in (ROOT / "metrics/results").glob("*/data.json")]
    assert folders
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {
            "README.md", "report.md", "uar.svg", "data.json", "scores.csv", "slices.csv", "without_suspects.csv",
            "stress.csv", "comparisons.csv",
            *(f"between_sources_{what}.csv" for what in ("scores", "slices", "comparisons", "stress")),
        }  # fmt: skip
        data = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        assert data["folds"] == 5 and isinstance(data["suspects"], list)
        scores = pd.read_csv(folder / "scores.csv")
        asked = data.get("arguments", [])
        seeds = int(asked[asked.index("--seeds") + 1]) if "--seeds" in asked else 5
        assert set(scores["seed"]) == set(range(seeds))
        nets = next((one for one in asked if one.startswith("nets=")), "nets=[voicenet]").removeprefix("nets=")
        models = {"softmax", "tfdf", "pitch_threshold", "majority", *nets.strip("[]").split(",")}
        assert models == set(scores["model"])


def test_every_net_stands_in_the_readme_as_measured_on_real_speech():
    scores = pd.read_csv(ROOT / "metrics/results/an4-speechocean762-nets/scores.csv").query("score == 'uar'")
    measured = scores.set_index(["model", "unit"])["value"].map("{:.3f}".format)
    table = README.split("| net | UAR on clips | on speakers |")[1].split("\n\n")[0]
    shown = {}
    for line in table.splitlines()[2:]:
        names, *values = ([one.strip() for one in cell.split(",")] for cell in line.strip("| ").split("|"))
        for place, name in enumerate(names):
            shown[name] = tuple(value[min(place, len(value) - 1)] for value in values)
    assert set(shown) == set(NETS)
    for name, (clips, speakers) in shown.items():
        assert (clips, speakers) == (measured[name, "clips"], measured[name, "speakers"])


def test_what_each_corpus_takes_is_reckoned_as_the_readme_says():
    """Disk and core hours follow from the other columns, as the text above the table has it."""
    before, _, after = README.split("*What to expect.*")[1].partition("| corpus | speech | as it comes | repacked |")
    per_core = float(re.search(r"hours of speech / (\d+)", before)[1])
    per_hour = float(re.search(r"\+ (\d\.\d+) GB an hour", before)[1])
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in after.split("\n\n")[0].splitlines()[2:]]
    named = {re.match(r"`(\w+)`", row[0])[1] for row in rows}
    assert named == {path.stem for path in (ROOT / "src/voicetraits/corpora").glob("[a-z]*.py")} - {"demo"}
    for corpus, *cells in rows:
        hours, comes, repacked, disk, cores = map(number, cells)
        assert disk == pytest.approx(comes + repacked + per_hour * hours, abs=half_a_digit(cells[3])), corpus
        assert cores == pytest.approx(hours / per_core, abs=half_a_digit(cells[4])), corpus


def number(cell: str) -> float:
    """Of a cell such as `2,319 h`; of a dash 0."""
    return float(re.fullmatch(r"([\d,.]+)( h| GB)?", cell.replace("–", "0"))[1].replace(",", ""))


def half_a_digit(cell: str) -> float:
    """By how much a number is off at most that is rounded as the cell shows it."""
    return 0.501 / 10 ** len(re.search(r"\d(?:\.(\d+))?(?: GB)?$", cell)[1] or "")


def test_dvc_takes_every_value_that_the_readme_sets(tmp_path: Path):
    path = tmp_path / "params.yaml"
    shown = re.findall(r"[ `]-S ('[^']+'|[^\s`]+)", README)
    assert len(shown) > 20
    for text in shown:
        override = "".join(shlex.split(text)).replace("…", "host:1")
        for sweep in get_hydra_sweeps({"params.yaml": [override]}):
            path.write_bytes((ROOT / "params.yaml").read_bytes())
            apply_overrides(str(path), sweep["params.yaml"])


def test_the_readme_draws_and_describes_every_stage():
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    _, drawing, rest = README.split("## The graph")[1].split("```", 2)
    described = set(re.findall(r"^\| (\w+) \|", rest.split("\n## ")[0], re.MULTILINE)) - {"stage"}
    assert set(re.findall(r"[a-z_]{4,}", re.sub(r"@\S+", "", drawing))) == stages.keys() == described


def test_the_data_card_has_every_out():
    card = (ROOT / "data/README.md").read_text(encoding="utf-8")
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    outs = [Path(out).parts for stage in stages.values() for out in stage.get("outs", []) if isinstance(out, str)]
    names = {parts[1] for parts in outs if parts[0] == "data"}
    assert {"raw", "splits.csv", "report"} < names
    for name in names:
        assert re.search(rf"^\| `{name}[`/]", card, re.MULTILINE), name


def test_the_feature_tables_are_current(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    page = describe_features.PAGE.read_text(encoding="utf-8")
    for name, table in describe_features.tables().items():
        assert describe_features.put(page, name, table) == page, "run `python src/describe_features.py`"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "data/README.md", "metrics/README.md"])
def test_links_lead_somewhere(page: str):
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert local or page != "README.md"
    for link in local:
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("name", ["requirements", "requirements-app"])
def test_requirements_are_pinned_and_name_no_index(name: str):
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        assert line.startswith("#") or re.match(r"[\w.\[\],-]+==[\w.!+-]+( ; .+)?$", line), line
    wanted = re.findall(r"^[\w.-]+", (ROOT / f"{name}.in").read_text(encoding="utf-8"), re.MULTILINE)
    assert {normalised(one) for one in wanted} <= set(pins(f"{name}.txt"))


def test_the_image_has_the_releases_that_the_models_were_made_with():
    ours, apps = pins("requirements.txt"), pins("requirements-app.txt")
    assert {name for name in ours.keys() & apps.keys() if ours[name] != apps[name]} == set()
    assert not {"tensorflow", "keras", "dvc"} & apps.keys()


def pins(name: str) -> dict[str, str]:
    """Release by distribution; networkx and soupsieve have two, of which the last counts."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {normalised(one): release for one, release in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_citation_has_what_the_format_asks_for():
    cited = YAML(typ="safe", pure=True).load(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(cited)  # required by the Citation File Format 1.2.0
    assert cited["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text(encoding="utf-8")
