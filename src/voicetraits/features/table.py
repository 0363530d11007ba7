"""Features as the stages hand them on: a folder of shards, and a description of what the columns are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from voicetraits.errors import DataError
from voicetraits.features.feature import Feature
from voicetraits.files import written_aside

_DESCRIPTION = "description.json"


@dataclass(frozen=True)
class FeatureTable:
    """Functionals of all clips.

    Attributes:
        values: (clips, features) float32, indexed by utterance_id, sorted; the same for any size of shards.
        params: the extractor's setting, which a model keeps so that inference can make the same features.
    """

    values: pd.DataFrame
    params: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.values.columns)

    def rows(self, utterance_ids: Sequence[str]) -> np.ndarray:
        """Functionals of some clips in the order asked for, (n, features) float32.

        Raises:
            DataError: a clip has none.
        """
        places = self.values.index.get_indexer(utterance_ids)
        if (missing := np.asarray(utterance_ids)[places < 0]).size:
            raise DataError(f"{missing[0]} has no features; run `dvc repro`")
        return self.values.to_numpy(np.float32)[places]


def write_description(folder: Path, params: Mapping[str, Any], features: Sequence[Feature]) -> None:
    """Write what the shards in `folder` hold beside them."""
    units = {feature.name: feature.unit for feature in features}
    # Not by write_json, which rounds: inference must make the features with the very same params.
    with written_aside(folder / _DESCRIPTION) as aside:
        aside.write_text(json.dumps({"params": dict(params), "units": units}, indent=2) + "\n", encoding="utf-8")


def read_features(folder: Path) -> FeatureTable:
    """Read the functionals below `folder`.

    Raises:
        DataError: they are missing or damaged, or one is no finite number.
    """
    shards = sorted((folder / "functionals").glob("part-*.parquet"))
    try:
        params = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))["params"]
    except FileNotFoundError:
        shards = []
    except (ValueError, TypeError, KeyError):
        raise DataError(f"{folder / _DESCRIPTION} is damaged; run `dvc repro --force featurize`") from None
    if not shards:
        raise DataError(f"{folder} holds no features; run `dvc repro featurize`")
    tables = [pq.read_table(shard) for shard in shards]
    values = pa.concat_tables(tables).to_pandas().set_index("utterance_id")
    _check_finite(values, np.repeat(shards, [len(table) for table in tables]))
    return FeatureTable(values.sort_index(), params)


def _check_finite(values: pd.DataFrame, files: Sequence[Path]) -> None:
    """All at once, which costs nothing; models would learn from others without a word, or blame their own params."""
    is_finite = np.isfinite(values.to_numpy(np.float32))
    if is_finite.all():
        return
    row, column = np.argwhere(~is_finite)[0]
    raise DataError(
        f"{files[row]}: {values.columns[column]} of {values.index[row]} is {values.iat[row, column]}; every feature is "
        f"a finite number: run `dvc repro --force featurize`, and if it comes again, report it (`make doctor`)"
    )
