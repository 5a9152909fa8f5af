"""Evaluation of a reader on questions with their own contexts: exact match and F1.

Questions that can all be answered are scored as SQuAD 1.1 is: the best span counts, however weak. With unanswerable
ones among them they are scored as SQuAD 2.0 is: a best span whose answer odds are at or below a null threshold counts
as "no answer", which is right where the question has none.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.evaluation.answers import best_over_references
from models.evaluation.squad import Question
from models.normalization import normalize_answer
from models.reader import Reader
from models.spans import Span

QUESTIONS_AT_ONCE = 64


@dataclass(frozen=True)
class Prediction:
    """The best span of a question's context, if it has a word at all, and what the references say of it."""

    question: Question
    span: Span | None
    em: float
    f1: float

    @property
    def answer(self) -> str:
        return self.question.context[self.span.start : self.span.end] if self.span else ""

    @property
    def answer_odds(self) -> float:
        """Log-odds that the span's window holds an answer; minus infinity without a span."""
        return self.span.answer_odds if self.span else float("-inf")

    @property
    def answerable(self) -> bool:
        return bool(self.question.answers)


def predict(
    reader: Reader, questions: Sequence[Question], track: Callable[[Iterable[int]], Iterable[int]] = iter
) -> list[Prediction]:
    """Read every question's own context; `track` may wrap the loop into a progress bar."""
    predictions: list[Prediction] = []
    for begin in track(range(0, len(questions), QUESTIONS_AT_ONCE)):
        some = questions[begin : begin + QUESTIONS_AT_ONCE]
        readings = reader.read_pairs([(q.text, [q.context]) for q in some])
        predictions += [judge(q, spans[0] if spans else None) for q, (spans,) in zip(some, readings, strict=True)]
    return predictions


def judge(question: Question, span: Span | None) -> Prediction:
    """A span of the question's context, against the references that are more than articles and punctuation."""
    answer = question.context[span.start : span.end] if span else ""
    em, f1 = best_over_references(answer, [text for _, text in question.answers if normalize_answer(text)])
    return Prediction(question, span, em, f1)


def points(prediction: Prediction, null_threshold: float | None) -> tuple[float, float]:
    """(EM, F1) that a prediction earns; without a threshold every question is answered."""
    refused = null_threshold is not None and prediction.answer_odds <= null_threshold
    if refused or not prediction.answerable:
        right = float(refused and not prediction.answerable)
        return right, right
    return prediction.em, prediction.f1


def score(predictions: Sequence[Prediction], null_threshold: float) -> dict[str, float]:
    """n, em and f1 in percent; with unanswerable questions also by kind, and at the best threshold there is."""
    answerable = [p for p in predictions if p.answerable]
    unanswerable = [p for p in predictions if not p.answerable]
    if not unanswerable:
        return mean_points(predictions, None)
    has, none = mean_points(answerable, null_threshold), mean_points(unanswerable, null_threshold)
    best_f1, best_threshold = best_null_threshold(predictions)
    best_em, best_em_threshold = best_null_threshold(predictions, metric="em")
    return {
        **mean_points(predictions, null_threshold),
        "has_answer_n": len(answerable),
        "has_answer_em": has["em"],
        "has_answer_f1": has["f1"],
        "no_answer_n": len(unanswerable),
        "no_answer_accuracy": none["f1"],
        "null_threshold": null_threshold,
        "best_f1": best_f1,
        "best_null_threshold": best_threshold,
        "best_em": best_em,
        "best_em_null_threshold": best_em_threshold,
    }


def mean_points(predictions: Sequence[Prediction], null_threshold: float | None) -> dict[str, float]:
    """n, and the means of the EM and F1 earned, in percent; 0 of no predictions."""
    earned = [points(p, null_threshold) for p in predictions] or [(0.0, 0.0)]
    em, f1 = (100 * sum(values) / len(values) for values in zip(*earned, strict=True))
    return {"n": len(predictions), "em": round(em, 2), "f1": round(f1, 2)}


def best_null_threshold(
    predictions: Sequence[Prediction], balanced: bool = False, metric: Literal["em", "f1"] = "f1"
) -> tuple[float, float]:
    """The highest EM or F1 (percent) that any null threshold gives, and that threshold in log-odds.

    Going through predictions by falling answer odds, each next one is answered: that gains its score, or loses the
    point that refusing it would have earned. `balanced` gives answerable and unanswerable questions the same total
    weight, however many there are of each; the score is then the mean of both kinds' own.
    """
    order = sorted(predictions, key=lambda p: -p.answer_odds)
    odds = np.array([p.answer_odds for p in order])
    odds = np.maximum(odds, min(odds[np.isfinite(odds)], default=0.0) - 1)  # -inf where a context has no word
    answerable = np.array([p.answerable for p in order])
    kinds = [kind for kind in (answerable, ~answerable) if kind.any()]
    weights = np.full(len(order), 1 / len(order))
    if balanced:
        weights = sum(kind / (len(kinds) * kind.sum()) for kind in kinds)
    earned = np.array([getattr(p, metric) for p in order])
    gains = weights * np.where(answerable, earned, -1.0)
    totals = weights[~answerable].sum() + np.concatenate([[0.0], np.cumsum(gains)])
    tied = np.concatenate([[False], odds[1:] == odds[:-1], [False]])
    best = int(np.argmax(np.where(tied, -np.inf, totals)))  # no threshold divides equal odds
    above = odds[best - 1] if best else odds[0] + 1
    below = odds[best] if best < len(odds) else above - 1
    return round(100 * float(totals[best]), 2), round(float(above + below) / 2, 3)
