"""Confidence: from a candidate's scores to the probability that it is right.

Two logistic functions of a handful of features, fitted by `lector evaluate calibrate` on tuning data and kept in the
reader's card: "answer", that a candidate is right, which also ranks the candidates; and "no_answer", that the passages
hold no answer, of the best candidate.
"""

import math
from collections.abc import Mapping, Sequence

from models.answers import Candidate, Place
from store.errors import Damaged

FEATURES = ("bias", "margin", "lead", "agreement", "rank", "standing", "coverage")
LENGTHS = {"answer": len(FEATURES), "no_answer": len(FEATURES), "margin_limit": 1}  # of what a card's calibration holds
REFUSED_FROM = 0.5  # probability of no answer from which a question is refused, where no bound is given
LIKELIEST = 8  # candidates, by margin, whose surroundings are looked at
LEAD_OF_ONLY_ONE = 10.0  # logits; also the most that a lead counts for

# Where a card holds no calibration: even odds at a margin of 0, as the null score was trained to mean.
UNCALIBRATED = {"answer": (0.0, 1.0, *[0.0] * 5), "no_answer": (0.0, -1.0, *[0.0] * 5)}


def standings(scores: Sequence[float | None]) -> list[float]:
    """Retrieval scores as shares of the best one, in [0, 1]; 1 where scores are missing or none is positive."""
    known = [score for score in scores if score is not None]
    best = max(known, default=0.0)
    if best <= 0 or len(known) < len(scores):
        return [1.0] * len(scores)
    return [max(0.0, score / best) for score in known]


def features(candidates: Sequence[Candidate], standing: Sequence[float]) -> list[tuple[float, ...]]:
    """One row a candidate, in the order of `FEATURES`.

    Bias 1; margin in logits; lead over the best other candidate in logits; log of 1 + the number of further passages
    that agree; log of 1 + the rank, from 0, of its best-ranked passage; that passage's standing; and, the same for all,
    the largest share of the question that stands around one of the likeliest. A candidate's own share would rank worse:
    who asks without having read the passage asks in other words than those beside the answer.
    """
    scores = [candidate.best.score for candidate in candidates]
    likeliest = sorted(candidates, key=lambda candidate: -candidate.best.score)[:LIKELIEST]
    coverage = max((candidate.best.coverage for candidate in likeliest), default=0.0)
    first, second, *_ = [*sorted(scores, reverse=True), -math.inf, -math.inf]
    rows: list[tuple[float, ...]] = []
    for candidate, score in zip(candidates, scores, strict=True):
        other = second if score == first else first
        lead = max(-LEAD_OF_ONLY_ONE, min(LEAD_OF_ONLY_ONE, score - other))
        rank = min([candidate.best.passage, *(place.passage for place in candidate.also)])
        rows.append((1.0, score, lead, math.log1p(candidate.agreement), math.log1p(rank), standing[rank], coverage))
    return rows


def log_odds(weights: Sequence[float], row: Sequence[float]) -> float:
    """Weighted sum of features."""
    return sum(w * x for w, x in zip(weights, row, strict=True))


def probability(weights: Sequence[float], row: Sequence[float]) -> float:
    """Logistic function of the weighted sum."""
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, log_odds(weights, row)))))


class Calibration:
    """A reader's fitted weights."""

    def __init__(self, weights: Mapping[str, Sequence[float]]) -> None:
        """Take what a card's `calibration` holds; what it lacks is uncalibrated.

        Raises:
            Damaged: it was fitted for other features than these.
        """
        for name, row in weights.items():
            if len(row) != LENGTHS.get(name) or not all(map(math.isfinite, row)):
                raise Damaged(
                    f"the calibration in the reader's card has {name!r} = {list(row)}; this version takes {LENGTHS} "
                    f"finite numbers, for the features {', '.join(FEATURES)}. Fit it with `lector evaluate calibrate`"
                )
        self._answer = tuple(weights.get("answer", UNCALIBRATED["answer"]))
        self._no_answer = tuple(weights.get("no_answer", UNCALIBRATED["no_answer"]))
        self._margin_limit = weights.get("margin_limit")

    def judge(self, candidates: Sequence[Candidate], standing: Sequence[float]) -> tuple[list[float], float]:
        """Each candidate's probability of being right, and the probability that there is no answer.

        `standing` holds the retrieved passages' scores as shares of the best.
        """
        rows = features(candidates, standing)
        best = max(rows, key=lambda row: log_odds(self._answer, row), default=None)
        none = probability(self._no_answer, best) if best else 1.0
        return [probability(self._answer, row) for row in rows], none

    def settled(self, candidates: Sequence[Candidate], standing: Sequence[float], read: int) -> bool:
        """Whether the first answer after `read` of the passages will, most likely, be the first after all of them.

        The rival that might come is given the next passage's rank and standing and the margin limit, which is fitted
        so that what it leaves out changes the first answer of one tuning question in a hundred, before a closer look.
        False where a card has no such limit.
        """
        if read >= len(standing) or not candidates or not self._margin_limit:
            return read >= len(standing)
        rows = features(candidates, standing)
        first = max(range(len(rows)), key=lambda i: log_odds(self._answer, rows[i]))
        rival = Candidate("", Place(read, "", 0, 0, self._margin_limit[0]))
        rows = features([*candidates, rival], standing)
        return log_odds(self._answer, rows[first]) > log_odds(self._answer, rows[-1])


def kept(confidences: Sequence[float], no_answer: float, min_confidence: float | None) -> list[int]:
    """Which candidates are shown, best first: those of at least `min_confidence`.

    Without that bound it is all of them, or none where more likely than not there is no answer.
    """
    order = sorted(range(len(confidences)), key=lambda i: -confidences[i])
    if min_confidence is None:
        return order if no_answer < REFUSED_FROM else []
    return [i for i in order if confidences[i] >= min_confidence]
