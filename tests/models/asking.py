"""Predictions and questions put together by hand."""

from models.evaluation.reader import Prediction
from models.evaluation.squad import Question
from models.spans import Span


def question(text: str = "What?", context: str = "red blue", *answers: str, id_: str = "q") -> Question:
    """A question with the references, each where it first stands in the context; without any, it has no answer."""
    return Question(id_, text, "", context, tuple((context.index(answer), answer) for answer in answers))


def prediction(answer_odds: float, f1: float, em: float = 0.0, asked: Question | None = None) -> Prediction:
    """Of a question with an answer, if no other is given; odds of minus infinity are those of no span."""
    span = None if answer_odds == float("-inf") else Span(0, 3, 0.0, answer_odds)
    return Prediction(asked or question("What?", "red blue", "red"), span, em, f1)


UNANSWERABLE = question()
