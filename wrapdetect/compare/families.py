"""Scores between the models of a library -> families: near-duplicates, versions, sizes and fine-tunes."""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from wrapdetect.compare.nearest import Scores


def families(scores: Scores, link: float) -> NDArray[np.intp]:
    """Number of each model's family, shape (n_models,), counted from 0 in the order of the models.

    `scores` (n, n) are mean scores between models, NaN where unknown (taken as no likeness). Families are merged while
    the mean score between their members is at least `link` (average linkage, Sokal & Michener 1958).
    """
    n = len(scores)
    if n < 2:
        return np.zeros(n, np.intp)
    known = np.nan_to_num((scores + scores.T) / 2)
    farness = np.maximum(known.max() + 1.0 - known, 0.0).astype(np.float64)
    np.fill_diagonal(farness, 0.0)
    groups = fcluster(linkage(squareform(farness, checks=False), "average"), known.max() + 1.0 - link, "distance")
    _, first = np.unique(groups, return_index=True)
    order = {int(groups[i]): place for place, i in enumerate(sorted(first))}
    return np.array([order[int(g)] for g in groups], np.intp)
