"""Which features say the same: rank correlation between them, and clusters of those that go together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata


@dataclass(frozen=True)
class Redundancy:
    """Features in clusters.

    Attributes:
        names: of the features.
        correlation: (features, features) Spearman's, 0 where a feature is constant.
        order: (features,) places of the features, those alike beside each other (the leaves of the tree).
        clusters: places of each cluster's features, in that order; each feature is in one cluster.
        threshold: the correlation from which on features are redundant.
    """

    names: tuple[str, ...]
    correlation: np.ndarray
    order: np.ndarray
    clusters: tuple[tuple[int, ...], ...]
    threshold: float

    @property
    def redundant(self) -> dict[str, tuple[int, ...]]:
        """Clusters of two features or more by the name of their middle, the largest first."""
        several = [places for places in self.clusters if len(places) > 1]
        return {self.names[self.middle(places)]: places for places in sorted(several, key=len, reverse=True)}

    def middle(self, places: tuple[int, ...]) -> int:
        """The feature of a cluster that is most like the others: the one to keep if one is kept."""
        closeness = np.abs(self.correlation[np.ix_(places, places)]).sum(axis=1)
        return places[int(closeness.argmax())]

    def weakest_link(self, places: tuple[int, ...]) -> float:
        """The smallest correlation, in size, between two features of a cluster."""
        return float(np.abs(self.correlation[np.ix_(places, places)]).min())

    def figures(self) -> dict[str, float]:
        """How many features there are, how many stand in clusters of two or more, and how many clusters there are."""
        sizes = [len(places) for places in self.redundant.values()]
        return {
            "features": len(self.names),
            "redundant_features": sum(sizes),
            "clusters": len(sizes),
            "threshold": self.threshold,
        }

    def matrix(self) -> pd.DataFrame:
        """All correlations, rows and columns in `order`: feature, and a float32 column for each feature."""
        ordered = [self.names[place] for place in self.order]
        values = self.correlation[np.ix_(self.order, self.order)].astype(np.float32)
        return pd.concat([pd.DataFrame({"feature": ordered}), pd.DataFrame(values, columns=ordered)], axis=1)

    def map_table(self, most: int = 40) -> pd.DataFrame:
        """Correlations between the middles of the `most` largest clusters, in `order`: feature, other, correlation."""
        largest = sorted(self.clusters, key=len, reverse=True)[:most]
        middles = {self.middle(places) for places in largest}
        shown = [place for place in self.order if place in middles]
        rows = [(self.names[a], self.names[b], round(float(self.correlation[a, b]), 2)) for a in shown for b in shown]
        return pd.DataFrame(rows, columns=["feature", "other", "correlation"])


def find_redundancy(features: np.ndarray, names: tuple[str, ...], threshold: float) -> Redundancy:
    """Cluster features by their rank correlation.

    Hierarchical clustering with complete linkage on 1 − |correlation|, cut so that any two features of a cluster have
    a correlation of `threshold` or more, in size.

    Args:
        features: (clips, features), of training clips; two or more.
        threshold: above 0, up to 1.
    """
    correlation = spearman(features)
    if len(names) < 2:
        return Redundancy(
            names, correlation, np.arange(len(names)), tuple((place,) for place in range(len(names))), threshold
        )
    distance = squareform(np.clip(1 - np.abs(correlation), 0, 1), checks=False)
    tree = linkage(distance, "complete")
    order = leaves_list(tree)
    # Correlations of equals come out as 1 less a rounding error.
    cluster_of = fcluster(tree, 1 - threshold + 1e-9, "distance")
    clusters: dict[int, list[int]] = {}
    for place in order:
        clusters.setdefault(int(cluster_of[place]), []).append(int(place))
    return Redundancy(names, correlation, order, tuple(map(tuple, clusters.values())), threshold)


def spearman(features: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each two columns, (features, features), 0 with a constant column."""
    ranks = rankdata(features, axis=0)
    ranks -= ranks.mean(axis=0)
    lengths = np.sqrt(np.square(ranks).sum(axis=0))
    unit = np.divide(ranks, lengths, out=np.zeros_like(ranks), where=lengths > 0)
    correlation = np.clip(unit.T @ unit, -1, 1)
    np.fill_diagonal(correlation, 1.0)
    return correlation
