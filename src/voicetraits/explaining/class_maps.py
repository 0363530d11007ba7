"""Maps of what a net looks at, averaged by class, and whether they are true: what every method shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from voicetraits.explaining.held_out import Intervals
from voicetraits.params import section


@section
class SaliencyParams:
    """The section `explain.nets` of params.yaml."""

    clips: Annotated[int, Field(ge=2)]
    steps: Annotated[int, Field(ge=2)]
    masked_share: Annotated[float, Field(gt=0, lt=1)]
    random_masks: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Saliency:
    """What is known of one net.

    Attributes:
        bands: method, class, band, value: the class's mean map over all time. Of integrated gradients, logits that a
            band adds to the class; of Grad-CAM, heat from 0 to 1; of occlusion, logits that the class loses with a
            stretch of the band.
        maps: method, class, step (of time, from begin to end of a clip), band, value.
        faithfulness: method, masked_share, empty_share (of the clips whose map names nothing), drop (of the score,
            without the named region), random_drop (without random ones), difference, low, high.
    """

    bands: pd.DataFrame
    maps: pd.DataFrame
    faithfulness: pd.DataFrame


@dataclass(frozen=True)
class ClipMap:
    """Of one clip.

    Attributes:
        values: (steps, bands), of time from begin to end of the clip.
        drop: of the score, without the region that it names.
        random_drop: without random ones, in the mean.
        is_empty: whether it names nothing.
    """

    values: np.ndarray
    drop: float
    random_drop: float
    is_empty: bool


def averaged(
    maps: dict[str, Sequence[ClipMap]], over_time: dict[str, str], intervals: Intervals, settings: SaliencyParams
) -> Saliency:
    """Averages of the clips' maps.

    Args:
        maps: method: a map of each clip.
        over_time: method: what makes one value of a band's steps, `mean` or `sum`.
        intervals: over these clips.
    """
    means = pd.concat(
        [_by_class(method, np.stack([one.values for one in of]), intervals) for method, of in maps.items()]
    )
    bands = [
        means[means["method"] == method].groupby(["method", "class", "band"], sort=False)["value"].agg(how)
        for method, how in over_time.items()
    ]
    return Saliency(
        pd.concat(bands).round(6).reset_index(),
        means.reset_index(drop=True).astype({"value": np.float32}),
        pd.DataFrame([_faithfulness(method, of, intervals, settings) for method, of in maps.items()]).round(6),
    )


def _by_class(method: str, maps: np.ndarray, intervals: Intervals) -> pd.DataFrame:
    """Mean maps, (clips, steps, bands) -> method, class, step, band, value."""
    parts = []
    for k, name in enumerate(intervals.clips.classes):
        of_class = maps[intervals.clips.labels == k]
        if len(of_class):
            step, band = np.indices(maps.shape[1:])
            columns = {"step": step.ravel(), "band": band.ravel(), "value": of_class.mean(axis=0).ravel()}
            parts.append(pd.DataFrame({"method": method, "class": name, **columns}))
    return pd.concat(parts)


def _faithfulness(
    method: str, maps: Sequence[ClipMap], intervals: Intervals, settings: SaliencyParams
) -> dict[str, object]:
    named, random = np.array([(one.drop, one.random_drop) for one in maps]).T
    difference, low, high = intervals.mean(named - random)
    return {
        "method": method,
        "masked_share": settings.masked_share,
        "empty_share": np.mean([one.is_empty for one in maps]),
        "drop": intervals.mean(named)[0],
        "random_drop": intervals.mean(random)[0],
        "difference": difference,
        "low": low,
        "high": high,
    }
