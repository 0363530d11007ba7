"""Whether occlusion, which `predict.py --plot` draws, and Grad-CAM name the same places of a clip.

python tools/occlusion_agreement.py [net …]    (from the project's root, after `dvc repro`; voicenet by default)

Both maps are of the class that the net takes a test clip for. Grad-CAM's heat is averaged over each rectangle that
occlusion hides; then both are compared by Spearman's rank correlation, and by the share of the fifth of the rectangles
that occlusion ranks highest which Grad-CAM ranks so too (0.2 by chance). Means over clips.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from voicetraits import stage
from voicetraits.errors import DataError
from voicetraits.explaining.gradients import GradCam
from voicetraits.inference.occlusion import Occlusion, occlude
from voicetraits.models import saved
from voicetraits.models.restoring import is_net, restore_net
from voicetraits.net_inputs import front_end_of

MODELS, AUDIO = Path("data/models"), Path("data/audio")
#: Clips of each target, spread over all test clips.
CLIPS = 100
TOP_SHARE = 0.2


def main() -> None:
    nets = sys.argv[1:] or ["voicenet"]
    if unknown := [net for net in nets if not any(is_net(path) for path in (MODELS / net).glob("*/final"))]:
        raise DataError(f"{MODELS} holds no net {unknown[0]!r}; name one of params.yaml's `nets`, after `dvc repro`")
    print("| net | target | clips | empty Grad-CAM | rank correlation | middle 80 % | of the top fifth, shared |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for net in nets:
        for folder in sorted((MODELS / net).glob("*")):
            if not saved.is_skipped(folder):
                print(row(net, folder), flush=True)


def row(net: str, folder: Path) -> str:
    """A row of the table: one net, one target."""
    model = saved.load(folder / "final")
    front_end = front_end_of(model.config.feature_names[0], model.config.feature_params)
    grad_cam = GradCam(restore_net(folder / "final"))
    found, empty = [], 0
    for samples in test_clips(folder):
        seen = front_end((samples / 32768).astype(np.float32))
        occlusion = occlude(partial(model.predict_raw, names=(front_end.name,)), seen)
        heat = grad_cam(seen, occlusion.label)
        if heat.max() <= 0:
            empty += 1
        else:
            found.append(agreement(occlusion, heat))
    correlations, shared = np.array(found).T
    low, middle, high = np.quantile(correlations, 0.1), correlations.mean(), np.quantile(correlations, 0.9)
    cells = [net, folder.name, f"{len(found) + empty}", f"{empty}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]
    return f"| {' | '.join(cells)} | {shared.mean():.2f} |"


def test_clips(folder: Path) -> list[np.ndarray]:
    """(n,) int16 each."""
    predictions = pd.read_parquet(folder / "predictions.parquet")
    ids = sorted(predictions.loc[predictions["side"] == "test", "utterance_id"].unique())
    wanted = [ids[number * len(ids) // CLIPS] for number in range(CLIPS)] if len(ids) > CLIPS else ids
    filters = [("utterance_id", "in", wanted)]
    return [*pd.concat(pd.read_parquet(part, filters=filters) for part in sorted(AUDIO.glob("part-*")))["samples"]]


def agreement(occlusion: Occlusion, heat: np.ndarray) -> tuple[float, float]:
    """Spearman's rank correlation, and the share of the top fifth of the rectangles that both name.

    Args:
        heat: (frames, bands), Grad-CAM's.
    """
    sums = np.add.reduceat(np.add.reduceat(heat, occlusion.frames[:-1], axis=0), occlusion.bands[:-1], axis=1)
    mean_heat = (sums / np.outer(np.diff(occlusion.frames), np.diff(occlusion.bands))).ravel()
    drop = occlusion.drop.ravel()
    top = max(1, round(TOP_SHARE * drop.size))
    shared = np.intersect1d(np.argsort(-drop, kind="stable")[:top], np.argsort(-mean_heat, kind="stable")[:top])
    return float(spearmanr(drop, mean_heat).statistic), len(shared) / top


if __name__ == "__main__":
    stage.run(main)
