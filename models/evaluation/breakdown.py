"""Which kind of question it is: by its question word, by its answer's length, and by where its answer stands.

Pure functions of a question as its file gives it, so that a breakdown does not depend on what the reader made of it.
"""

import re

from models.evaluation.squad import Question
from models.normalization import normalize_answer

QUESTION_TYPES = ("what", "who", "when", "where", "which", "why", "how", "how many/much", "other")
ANSWER_LENGTHS = ("1", "2", "3-5", "6-10", "11+")  # tokens, as F1 counts them
ANSWER_POSITIONS = ("first quarter", "second quarter", "third quarter", "last quarter")

_LONGEST = (1, 2, 5, 10)  # tokens, of each length but the last
_WORD = re.compile(r"\b(?:[Hh]ow (?:many|much)|[Hh]ow|[Ww]ho(?:m|se)?|[Ww]h(?:at|en|ere|ich|y))\b")
_CLAUSE = re.compile(r"\s*(?:[Ww]hen|[Ww]here)\b[^,]*,")


def question_type(question: str) -> str:
    """The question's first question word, wherever it stands: "In which year ..." is a "which", "Name one" an "other".

    "Whom" and "whose" count as "who". The clause of "When the war ended, who ...?" does not count if a question word
    follows its comma; nor does WHO, the organisation.
    """
    clause = _CLAUSE.match(question)
    found = (clause and _WORD.search(question, clause.end())) or _WORD.search(question)
    if not found:
        return "other"
    word = found[0].lower()
    if word.startswith("how "):
        return "how many/much"
    return "who" if word.startswith("who") else word


def answer_tokens(question: Question) -> int | None:
    """Tokens of the shortest reference, after SQuAD's normalisation; None without a reference that has any."""
    counts = [len(normalize_answer(text).split()) for _, text in question.answers]
    return min((count for count in counts if count), default=None)


def answer_length(question: Question) -> str | None:
    """Which of `ANSWER_LENGTHS` the shortest reference has; None without a reference that has a token."""
    tokens = answer_tokens(question)
    return None if tokens is None else ANSWER_LENGTHS[sum(tokens > most for most in _LONGEST)]


def answer_position(question: Question) -> str | None:
    """In which quarter of the context's characters the first reference starts; None where there is no answer."""
    if not question.answers:
        return None
    start, _ = question.answers[0]
    return ANSWER_POSITIONS[4 * start // len(question.context)]
