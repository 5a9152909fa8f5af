"""Evaluation of a reader on SQuAD files: exact match and F1.

A file whose questions can all be answered is scored as SQuAD 1.1 is: the best span counts, however weak. A file with
unanswerable questions is scored as SQuAD 2.0 is: a best span whose margin is at or below the reader's null threshold
counts as "no answer", which is right where the question has none.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from models.artifact import load_artifact
from models.evaluation.answers import best_over_references
from models.evaluation.squad import Question, read_squad, spread
from models.normalization import normalize_answer
from models.reader import Reader, open_reader
from models.spans import Span

QUESTIONS_AT_ONCE = 64


@dataclass(frozen=True)
class Prediction:
    """The best span of a question's context, its margin, and what the references say of it."""

    id: str
    answer: str
    margin: float  # logits
    em: float
    f1: float
    answerable: bool


def predict(
    reader: Reader, questions: Sequence[Question], track: Callable[[Iterable[int]], Iterable[int]] = iter
) -> list[Prediction]:
    """Read every question's own context; `track` may wrap the loop into a progress bar."""
    predictions: list[Prediction] = []
    for begin in track(range(0, len(questions), QUESTIONS_AT_ONCE)):
        some = questions[begin : begin + QUESTIONS_AT_ONCE]
        readings = reader.read_pairs([(q.text, [q.context]) for q in some])
        predictions += [_judge(q, spans[0] if spans else None) for q, (spans,) in zip(some, readings, strict=True)]
    return predictions


def score(predictions: Sequence[Prediction], null_threshold: float) -> dict[str, float]:
    """n, em and f1 in percent; with unanswerable questions also by kind, and at the best threshold there is."""
    answerable = [p for p in predictions if p.answerable]
    if len(answerable) == len(predictions):
        return {
            "n": len(predictions),
            "em": _percent(p.em for p in answerable),
            "f1": _percent(p.f1 for p in answerable),
        }
    unanswerable = [p for p in predictions if not p.answerable]
    em, f1 = zip(*(_at(p, null_threshold) for p in predictions), strict=True)
    has_em, has_f1 = zip(*(_at(p, null_threshold) for p in answerable), strict=True) if answerable else ((), ())
    best_f1, best_threshold = best_null_threshold(predictions)
    return {
        "n": len(predictions),
        "em": _percent(em),
        "f1": _percent(f1),
        "has_answer_n": len(answerable),
        "has_answer_em": _percent(has_em),
        "has_answer_f1": _percent(has_f1),
        "no_answer_n": len(unanswerable),
        "no_answer_accuracy": _percent(_at(p, null_threshold)[1] for p in unanswerable),
        "null_threshold": null_threshold,
        "best_f1": best_f1,
        "best_null_threshold": best_threshold,
    }


def best_null_threshold(predictions: Sequence[Prediction]) -> tuple[float, float]:
    """The highest F1 (percent) that any null threshold gives, and that threshold in logits.

    Going through predictions by falling margin, each next one is answered: that gains its F1, or loses the point that
    refusing it would have earned.
    """
    order = sorted(predictions, key=lambda p: -p.margin)
    gains = np.array([p.f1 if p.answerable else -1.0 for p in order])
    refused = sum(not p.answerable for p in predictions)
    totals = refused + np.concatenate([[0.0], np.cumsum(gains)])
    tied = [False, *(one.margin == other.margin for one, other in pairwise(order)), False]
    best = int(np.argmax(np.where(tied, -np.inf, totals)))  # no threshold divides equal margins
    above = order[best - 1].margin if best else order[0].margin + 1
    below = order[best].margin if best < len(order) else above - 1
    threshold = (above + below) / 2 if np.isfinite(below) else above - 1
    return round(100 * float(totals[best]) / len(order), 2), round(float(threshold), 3)


def evaluate_files(files: Sequence[Path], reader: str, limit: int | None, threads: int) -> dict[str, Any]:
    """The report of `lector evaluate reader`: {"reader", "files": {FILE: scores}}.

    Raises:
        NotFound, InvalidInput: a file is missing or is not SQuAD JSON; and errors as of `load_artifact`.
    """
    from rich.console import Console
    from rich.progress import track

    artifact = load_artifact(reader, "reader")
    loaded = open_reader(artifact, threads)
    sets = {str(path): spread(read_squad(path), limit) for path in files}
    console = Console(stderr=True)
    report: dict[str, Any] = {"reader": artifact.card.name, "sha256": artifact.checksum, "files": {}}
    for name, questions in sets.items():
        predictions = predict(loaded, questions, lambda steps: track(steps, Path(name).name, console=console))  # noqa: B023
        report["files"][name] = score(predictions, artifact.card.null_threshold)
    return report


def _judge(question: Question, span: Span | None) -> Prediction:
    answer = question.context[span.start : span.end] if span else ""
    references = [text for _, text in question.answers if normalize_answer(text)]
    em, f1 = best_over_references(answer, references)
    margin = span.score if span else float("-inf")
    return Prediction(question.id, answer, margin, em, f1, bool(question.answers))


def _at(prediction: Prediction, null_threshold: float) -> tuple[float, float]:
    if prediction.margin > null_threshold:
        return (prediction.em, prediction.f1) if prediction.answerable else (0.0, 0.0)
    return (0.0, 0.0) if prediction.answerable else (1.0, 1.0)


def _percent(values: Iterable[float]) -> float:
    found = list(values)
    return round(100 * sum(found) / len(found), 2) if found else 0.0
