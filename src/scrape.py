"""Address of the corpus -> data/raw: exactly the selected archives; what was fetched before comes from the store."""

from pathlib import Path

from voicetraits import params, stage
from voicetraits.files import write_json
from voicetraits.opening import open_corpus
from voicetraits.parallel import Workers
from voicetraits.scraping import scrape
from voicetraits.store import ComputeParams, Store


def main() -> None:
    all_params = params.load()
    compute = params.get(all_params, "compute", ComputeParams)
    store = Store(max_bytes=int(compute.store_gigabytes * 1e9))
    corpus = open_corpus(all_params, store)
    counts = scrape(
        corpus,
        f"corpora.{all_params['corpus']}",
        Path("data/raw"),
        store=store,
        workers=Workers(compute.workers, compute.backend, compute.scheduler),
    )
    write_json(counts, Path("metrics/scrape.json"))
    if counts["archives_failed"]:
        print(
            f"scrape: {counts['archives_failed']} archives could not be had, see data/raw/failed.csv; "
            f"`dvc repro --force --single-item scrape` tries them again"
        )
    store.trim()


if __name__ == "__main__":
    stage.run(main)
