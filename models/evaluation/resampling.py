"""How far a mean over questions can be trusted: by resampling them. Pure functions on arrays."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 1_000
PERMUTATIONS = 10_000
LEVEL = 0.95
_AT_ONCE = 256


def bootstrap_intervals(values: Floats, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """95 % intervals of the means over questions: (questions, metrics) values to (metrics, 2) bounds.

    The percentile bootstrap (Efron 1979): as many questions are drawn with replacement as there are, again and again,
    and the interval holds the middle 95 % of their means.
    """
    rng = np.random.default_rng(seed)
    count = len(values)
    draws = (np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(resamples))
    means = np.array([drawn @ values / count for drawn in draws])  # (resamples, metrics)
    outside = (1 - LEVEL) / 2
    return np.asarray(np.quantile(means, [outside, 1 - outside], axis=0).T)


def paired_randomization(differences: Floats, permutations: int = PERMUTATIONS, seed: int = 0) -> Floats:
    """Two-sided p of the mean differences between two systems: (questions, metrics) differences to (metrics,).

    If the systems were alike, each question's difference could as well have the other sign; p is the share of such
    changes of signs whose mean is as far from 0 as the real one (Fisher's randomization test, which Smucker, Allan &
    Carterette 2007 recommend for retrieval). All changes are tried where there are no more than `permutations`; else
    that many are drawn, and the real one is counted among them, so that p is never 0.
    """
    count = len(differences)
    real = np.abs(differences.sum(axis=0)) * (1 - 1e-12)  # sums in another order differ in their last digits
    if count < 63 and 2**count <= permutations:
        signs = np.array(list(product((-1.0, 1.0), repeat=count)))
        return np.asarray((np.abs(signs @ differences) >= real).mean(axis=0))
    rng = np.random.default_rng(seed)
    as_far = np.ones(differences.shape[1])
    for begin in range(0, permutations, _AT_ONCE):
        shape = (min(_AT_ONCE, permutations - begin), count)
        signs = rng.integers(0, 2, shape, dtype=np.int8) * 2.0 - 1
        as_far += (np.abs(signs @ differences) >= real).sum(axis=0)
    return as_far / (permutations + 1)
