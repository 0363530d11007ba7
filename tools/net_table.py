"""A table of nets: parameters, size, training time, speed and scores. python tools/net_table.py [--train] [net ...]

Without names, the nets that params.yaml has under `nets`. It reads data/models and prints Markdown. With --train it
first runs `python src/train_net.py` for each net and target, by itself and timed; without, there is no training time.
Scores are those of the saved test predictions: UAR on clips, with its interval over speakers. Speed is that of the
saved net on one thread, front end included, on the test clips.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pandas as pd
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from voicetraits import params, stage  # noqa: E402
from voicetraits.classes import Targets  # noqa: E402
from voicetraits.evaluation import EvaluateParams, score_table  # noqa: E402
from voicetraits.models import saved  # noqa: E402
from voicetraits.models.net_names import NETS, Nets  # noqa: E402
from voicetraits.net_inputs import front_end_of  # noqa: E402

MODELS, AUDIO = Path("data/models"), Path("data/audio")
TIMED_CLIPS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="*", metavar="net", help=", ".join(NETS))
    parser.add_argument("--train", action="store_true", help="train them first, and say how long it took")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.nets) - set(NETS)):
        parser.error(f"there is no net {unknown[0]}; allowed: {', '.join(NETS)}")
    all_params = params.load()
    targets = params.get(all_params, "targets", Targets)
    settings = params.get(all_params, "evaluate", EvaluateParams)
    nets = arguments.nets or params.get(all_params, "nets", Nets)
    seconds = {(net, target): trained(net, target) for net in nets for target in targets} if arguments.train else {}
    columns = [f"training, s, {target}" for target in targets if seconds] + [f"UAR, {target}" for target in targets]
    header = ["net", "parameters", "net.onnx, MB", "clips a second", *columns]
    print(row(header), row(["---"] * len(header)), sep="\n")
    for net in nets:
        times = [f"{seconds[net, target]:.0f}" for target in targets if seconds]
        scores = [uar(MODELS / net / target, settings) for target in targets]
        print(row([net, *facts(MODELS / net / targets[0]), *times, *scores]), flush=True)


def row(cells: list[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def trained(net: str, target: str) -> float:
    """Train a net in a process of its own; how many seconds that took."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "src/train_net.py", net, target], check=True)
    return time.perf_counter() - start


def facts(folder: Path) -> list[str]:
    """Parameters, size and speed of a saved net; dashes for a skipped target."""
    if saved.is_skipped(folder):
        return ["–"] * 3
    final, speed = folder / "final", clips_a_second(folder)
    megabytes = (final / "net.onnx").stat().st_size / 1e6
    return [f"{parameters(final / 'net.weights.h5'):,}", f"{megabytes:.1f}", f"{speed:.0f}"]


def parameters(weights: Path) -> int:
    """How many numbers a weights file holds, less the states of random generators."""
    counts = []

    def count(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and "seed_generator" not in name:
            counts.append(item.size)

    with h5py.File(weights) as file:
        file.visititems(count)
    return sum(counts)


def clips_a_second(folder: Path) -> float:
    """How many test clips front end and net do in a second of one core."""
    model = saved.load(folder / "final")
    predictions = pd.read_parquet(folder / "predictions.parquet")
    wanted = predictions.loc[predictions["side"] == "test", "utterance_id"].head(TIMED_CLIPS)
    audio = pd.concat(
        pd.read_parquet(part, filters=[("utterance_id", "in", [*wanted])]) for part in AUDIO.glob("part-*")
    )
    clips = [(samples / 32768).astype("float32") for samples in audio["samples"]]
    front_end = front_end_of(model.config.feature_names[0], model.config.feature_params)
    seconds = []
    with threadpool_limits(1, user_api="blas"):
        for _ in range(3):
            start = time.perf_counter()
            model.classifier.predict_proba([front_end(clip) for clip in clips])
            seconds.append(time.perf_counter() - start)
    return len(clips) / min(seconds)


def uar(folder: Path, settings: EvaluateParams) -> str:
    """UAR on the test clips and its interval, as evaluate has them."""
    if saved.is_skipped(folder):
        return "–"
    config = saved.load(folder / "final").config
    test = pd.read_parquet(folder / "predictions.parquet").query("side == 'test'")
    scores = score_table(config.target, {folder.name: test}, config.classes, settings, seed=0)
    found = scores.query("unit == 'clips' and score == 'uar'").iloc[0]
    return f"{found['value']:.3f} ({found['low']:.3f}–{found['high']:.3f})"


if __name__ == "__main__":
    stage.run(main)
