"""Evaluation of a reader on SQuAD files: exact match and F1."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.evaluation.answers import best_over_references, normalize_answer
from models.evaluation.squad import Question
from models.reader import Reader
from models.spans import Span

QUESTIONS_AT_ONCE = 64


@dataclass(frozen=True)
class Prediction:
    """The best span of a question's context, its margin, and what the references say of it."""

    id: str
    answer: str
    score: float
    em: float
    f1: float
    answerable: bool


@dataclass(frozen=True)
class ReaderScore:
    """Means over the answerable questions, in percent."""

    n: int
    em: float
    f1: float
    predictions: tuple[Prediction, ...]


def _judge(question: Question, span: Span | None) -> Prediction:
    answer = question.context[span.start : span.end] if span else ""
    references = [text for _, text in question.answers if normalize_answer(text)]
    em, f1 = best_over_references(answer, references)
    score = span.score if span else float("-inf")
    return Prediction(question.id, answer, score, em, f1, bool(question.answers))


def score_reader(reader: Reader, questions: Sequence[Question]) -> ReaderScore:
    """Read every question's context and compare the best span with the references, as SQuAD 1.1 does."""
    predictions: list[Prediction] = []
    for begin in range(0, len(questions), QUESTIONS_AT_ONCE):
        some = questions[begin : begin + QUESTIONS_AT_ONCE]
        readings = reader.read_pairs([(q.text, [q.context]) for q in some])
        predictions += [_judge(q, r[0].spans[0] if r[0].spans else None) for q, r in zip(some, readings, strict=True)]
    answerable = [p for p in predictions if p.answerable]
    n = max(1, len(answerable))
    em, f1 = sum(p.em for p in answerable), sum(p.f1 for p in answerable)
    return ReaderScore(len(predictions), 100 * em / n, 100 * f1 / n, tuple(predictions))
