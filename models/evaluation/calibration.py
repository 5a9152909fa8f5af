"""Calibration: how far a probability can be trusted, and the weights that make it so. Pure functions on arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from store.errors import InvalidInput

Floats = NDArray[np.float64]

BINS = 15  # of equal width; the number that Guo et al. (2017) use


def fit_logistic(rows: Sequence[Sequence[float]], labels: Sequence[bool]) -> tuple[float, ...]:
    """Weights of a logistic regression on (n, features) rows whose first feature is the constant 1.

    Features are scaled to unit variance inside, with scikit-learn's default L2 penalty, so that weights stay finite on
    separable data; the weights returned are for features as they are given.

    Raises:
        InvalidInput: all labels are the same.
    """
    from sklearn.linear_model import LogisticRegression

    if len(set(labels)) < 2:
        raise InvalidInput(
            f"all {len(labels)} cases to fit on came out the same, so there is nothing to tell apart; give more "
            "questions, on more contexts"
        )

    x = np.asarray(rows, dtype=np.float64)[:, 1:]
    scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    model = LogisticRegression().fit(x / scale, np.asarray(labels))
    return float(model.intercept_[0]), *(float(w) for w in model.coef_[0] / scale)


def reliability(probabilities: Floats, outcomes: Floats, bins: int = BINS) -> list[dict[str, float]]:
    """What was said and what came of it, in each bin of [0, 1] that is not empty.

    Args:
        probabilities: (n,) in [0, 1].
        outcomes: (n,) 1 where what they are of came true, else 0.

    Returns:
        {"from", "to", "n", "said": mean probability, "true": share that came true}, by rising probability. A bin holds
        its lower bound; the last one holds 1 too.
    """
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    return [
        {
            "from": b / bins,
            "to": (b + 1) / bins,
            "n": int((which == b).sum()),
            "said": float(probabilities[which == b].mean()),
            "true": float(outcomes[which == b].mean()),
        }
        for b in range(bins)
        if (which == b).any()
    ]


def expected_calibration_error(probabilities: Floats, outcomes: Floats, bins: int = BINS) -> float:
    """Mean gap between what was said and what came true over the bins of `reliability`, weighted by their counts.

    (Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017.)
    """
    found = reliability(probabilities, outcomes, bins)
    return sum(bin_["n"] * abs(bin_["said"] - bin_["true"]) for bin_ in found) / len(probabilities)


def calibration_error_by_chance(probabilities: Floats, draws: int = 200) -> float:
    """The calibration error to expect of these (n,) probabilities if they were right.

    It is not 0, since a bin's share that came true varies with the few questions in it: the mean error over outcomes
    that are drawn from the probabilities themselves.
    """
    rng = np.random.default_rng(0)
    drawn = [(rng.random(len(probabilities)) < probabilities).astype(np.float64) for _ in range(draws)]
    return float(np.mean([expected_calibration_error(probabilities, outcomes) for outcomes in drawn]))


def log_loss(probabilities: Floats, outcomes: Floats) -> float:
    """Mean negative log-likelihood, in nats, of (n,) outcomes."""
    of_outcome = np.where(outcomes > 0, probabilities, 1 - probabilities)
    return float(-np.log(np.maximum(of_outcome, 1e-12)).mean())


def risk_coverage(confidences: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Share of questions answered, and error rate among these, when the k most confident are answered: (n,) each.

    (El-Yaniv & Wiener 2010.) The mean risk is the area under the curve, AURC (Geifman, Uziel & El-Yaniv 2019).
    """
    order = np.argsort(-confidences, kind="stable")
    count = np.arange(1, len(order) + 1)
    return count / len(order), 1 - np.cumsum(right[order]) / count
