"""Passages of exact lengths, to time readers on."""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from models.evaluation.squad import Question
from models.windows import PairTemplate, Passage, question_ids, tokenize
from store.errors import InvalidInput

SHAPES = ((1, 128), (10, 128), (1, 384), (10, 384), (10, 160))  # passages, and tokens of the window of each
IN_SERVICE = "10x160"  # the shape that stands for a question in service
QUESTIONS = 5  # of each shape, taken in turn


@dataclass(frozen=True)
class Case:
    """A question with passages, each of which fills a window of nearly so many tokens."""

    passages: int
    tokens: int
    question: str
    texts: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.passages}x{self.tokens}"


def build_cases(tokenizer: Tokenizer, questions: Sequence[Question]) -> list[list[Case]]:
    """For each shape, as many cases as there are questions in turn; their passages are cut from all contexts.

    Raises:
        InvalidInput: the contexts are too short to fill one window.
    """
    text = " ".join(dict.fromkeys(question.context for question in questions))
    (whole,) = tokenize(tokenizer, [text])
    special = PairTemplate.of(tokenizer).size
    shapes, at = [], 0
    for passages, tokens in SHAPES:
        cases = []
        for question in questions[:QUESTIONS]:
            room = tokens - special - len(question_ids(tokenizer, question.text))
            texts = []
            for _ in range(passages):
                part, at = _run_of_words(whole, text, at, room)
                texts.append(part)
            cases.append(Case(passages, tokens, question.text, tuple(texts)))
        shapes.append(cases)
    return shapes


def _run_of_words(whole: Passage, text: str, at: int, room: int) -> tuple[str, int]:
    """A text of whole words and at most `room` tokens, from token `at` on or from 0 near the end; and the next one."""
    at = at if at + 2 * room < len(whole) else 0
    first = next((i for i in range(at, len(whole)) if whole.starts_word[i]), 0)
    last = next((i for i in range(min(first + room, len(whole)) - 1, first, -1) if whole.ends_word[i]), None)
    if room < 1 or last is None or first + room > len(whole):
        raise InvalidInput(f"the contexts are {len(whole)} tokens long, too short for passages of {room}; give more")
    return text[whole.offsets[first, 0] : whole.offsets[last, 1]], last + 1
