"""Confidence: from a candidate's scores to the probability that it is right.

Logistic regression on a handful of features, fitted by `lector evaluate calibrate` on tuning data and kept in the
reader's card. Two of them: "answer", that this candidate is right; "no_answer", that the passages hold no answer.
"""

import math
from collections.abc import Mapping, Sequence

from models.answers import Candidate

FEATURES = ("bias", "margin", "lead", "agreement")
LEAD_OF_ONLY_ONE = 10.0  # logits; also the most that a lead counts for

# Where a card holds no calibration: even odds at a margin of 0, as the null score was trained to mean.
UNCALIBRATED = {"answer": (0.0, 1.0, 0.0, 0.0), "no_answer": (0.0, -1.0, 0.0, 0.0)}


def features(candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
    """(bias, margin, lead over the best other candidate, log agreement) of each candidate; logits and logs."""
    rows: list[tuple[float, ...]] = []
    for candidate in candidates:
        others = [c.best.score for c in candidates if c is not candidate]
        lead = candidate.best.score - max(others) if others else LEAD_OF_ONLY_ONE
        lead = max(-LEAD_OF_ONLY_ONE, min(LEAD_OF_ONLY_ONE, lead))
        rows.append((1.0, candidate.best.score, lead, math.log1p(candidate.agreement)))
    return rows


def probability(weights: Sequence[float], row: Sequence[float]) -> float:
    """Logistic function of a weighted sum."""
    logit = sum(w * x for w, x in zip(weights, row, strict=True))
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


class Calibration:
    """A reader's fitted weights."""

    def __init__(self, weights: Mapping[str, Sequence[float]]) -> None:
        self._answer = tuple(weights.get("answer", UNCALIBRATED["answer"]))
        self._no_answer = tuple(weights.get("no_answer", UNCALIBRATED["no_answer"]))

    def judge(self, candidates: Sequence[Candidate]) -> tuple[list[float], float]:
        """Each candidate's probability of being right, and the probability that there is no answer."""
        rows = features(candidates)
        best = max(rows, key=lambda row: row[1], default=None)
        none = probability(self._no_answer, best) if best else 1.0
        return [probability(self._answer, row) for row in rows], none
