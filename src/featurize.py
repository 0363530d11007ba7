"""Audio shards -> features of each clip: functionals for the classic models, log-mel matrices for the nets."""

from dataclasses import asdict
from pathlib import Path

from voicetraits import params, stage
from voicetraits.features.extractor import FeaturizeParams
from voicetraits.featurizing import featurize
from voicetraits.files import folder_anew, write_json
from voicetraits.parallel import Workers
from voicetraits.store import ComputeParams, Store


def main() -> None:
    all_params = params.load()
    compute = params.get(all_params, "compute", ComputeParams)
    store = Store(max_bytes=int(compute.store_gigabytes * 1e9))
    with folder_anew(Path("data/features")) as folder:
        counts = featurize(
            Path("data/audio"),
            folder,
            params.get(all_params, "featurize", FeaturizeParams),
            store=store,
            workers=Workers(compute.workers, compute.backend, compute.scheduler),
        )
    write_json(asdict(counts), Path("metrics/featurize.json"))
    store.trim()


if __name__ == "__main__":
    stage.run(main)
