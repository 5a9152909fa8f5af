"""Calibration: how far a confidence can be trusted, and the weights that make it so. Pure functions on arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fit_logistic(rows: Sequence[Sequence[float]], labels: Sequence[bool]) -> tuple[float, ...]:
    """Weights of a logistic regression on (n, features) rows whose first feature is the constant 1.

    Features are scaled to unit variance inside, with scikit-learn's default L2 penalty, so that weights stay finite on
    separable data; the weights returned are for features as they are given.
    """
    from sklearn.linear_model import LogisticRegression

    x = np.asarray(rows, dtype=np.float64)[:, 1:]
    scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    model = LogisticRegression().fit(x / scale, np.asarray(labels))
    return float(model.intercept_[0]), *(float(w) for w in model.coef_[0] / scale)


def expected_calibration_error(confidences: Floats, right: Floats, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equally wide bins, weighted by their counts.

    (Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017.)
    """
    which = np.minimum((confidences * bins).astype(int), bins - 1)
    gaps = [
        abs(confidences[which == b].mean() - right[which == b].mean()) * (which == b).mean()
        for b in range(bins)
        if (which == b).any()
    ]
    return float(sum(gaps))


def risk_coverage(confidences: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Share of questions answered, and error rate among these, when the k most confident are answered: (n,) each.

    (El-Yaniv & Wiener 2010.)
    """
    order = np.argsort(-confidences, kind="stable")
    count = np.arange(1, len(order) + 1)
    return count / len(order), 1 - np.cumsum(right[order]) / count
