"""Archives -> shards of 16 kHz mono speech, the submissions' texts, and a list of all that was set aside."""

from dataclasses import asdict
from pathlib import Path

from voicetraits import params, stage
from voicetraits.extraction import extract
from voicetraits.files import folder_anew, write_json
from voicetraits.parallel import Workers
from voicetraits.store import ComputeParams, Store
from voicetraits.unpacking import ExtractParams


def main() -> None:
    all_params = params.load()
    compute = params.get(all_params, "compute", ComputeParams)
    store = Store(max_bytes=int(compute.store_gigabytes * 1e9))
    with folder_anew(Path("data/audio")) as folder:
        counts = extract(
            Path("data/raw"),
            folder,
            params.get(all_params, "extract", ExtractParams),
            store=store,
            workers=Workers(compute.workers, compute.backend, compute.scheduler),
        )
    write_json(asdict(counts), Path("metrics/extract.json"))
    store.trim()


if __name__ == "__main__":
    stage.run(main)
