"""Opens and scrapes corpora with the settings of params.yaml, as the stage does."""

import copy
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from voicetraits import params
from voicetraits.extraction import extract
from voicetraits.metadata import Metadata, MetadataParams, build_metadata
from voicetraits.opening import open_corpus
from voicetraits.scraping import scrape
from voicetraits.store import Store
from voicetraits.unpacking import ExtractParams

ROOT = Path(__file__).resolve().parents[2]


def params_with(corpus: str, **values: Any) -> dict[str, Any]:
    """params.yaml with this corpus, and these values in its section."""
    all_params = copy.deepcopy(params.load(ROOT / "params.yaml"))
    all_params["corpus"] = corpus
    all_params["corpora"][corpus] |= values
    return all_params


def run_scrape(corpus: str, raw: Path, store: Store, **values: Any) -> dict[str, int]:
    """Fill `raw`; what was counted."""
    opened = open_corpus(params_with(corpus, **values), store)
    return scrape(opened, f"corpora.{corpus}", raw, store=store, workers=1)


def archives_in(raw: Path) -> dict[str, bytes]:
    """The archives by name."""
    return {path.name: path.read_bytes() for path in raw.iterdir() if path.suffix == ".tgz"}


def metadata_of(corpus: str, raw: Path, out: Path, store: Store, **values: Any) -> Metadata:
    """What extract and parse_metadata make of `raw`."""
    all_params = params_with(corpus, **values)
    out.mkdir()
    extract(raw, out, params.get(all_params, "extract", ExtractParams), store=store, workers=1)
    return build_metadata(
        pq.read_table(out / "submissions.parquet").to_pylist(),
        pd.read_parquet(out / "clips.parquet", columns=["utterance_id", "archive"]),
        params.get(all_params, "metadata", MetadataParams),
        corpus=corpus,
        sources=params.get(all_params, f"corpora.{corpus}.sources", dict[str, str]),
    )
