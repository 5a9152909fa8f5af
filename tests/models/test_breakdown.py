"""Kinds of questions, by hand."""

import pytest
from tokenizers import Tokenizer

from models.evaluation.breakdown import (
    ANSWER_LENGTHS,
    QUESTION_TYPES,
    answer_length,
    answer_position,
    answer_tokens,
    question_type,
)
from models.evaluation.reader_report import breakdown, needs_windows
from models.evaluation.squad import Question
from models.windows import PairTemplate, cut, question_ids, tokenize
from tests.models.asking import UNANSWERABLE, prediction, question


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is it?", "what"),
        ("What's up?", "what"),
        ("  what year did it end", "what"),
        ("In what year?", "what"),
        ("Who won?", "who"),
        ("To whom was it sold?", "who"),
        ("Whose hat is it?", "who"),
        ("When did it end?", "when"),
        ("Since when?", "when"),
        ("Where is it?", "where"),
        ("In which year did the man who won die?", "which"),
        ("Why not?", "why"),
        ("How is it made?", "how"),
        ("How old was he when he won?", "how"),
        ("How many are there?", "how many/much"),
        ("About how much does it cost?", "how many/much"),
        ("How manyfold is it?", "how"),
        ("When John left, who replaced him?", "who"),
        ("Where the road ends, what is there?", "what"),
        ("When, in 1990, did it end?", "when"),
        ("When was the man who won, in 1990, born?", "when"),
        ("Name a car.", "other"),
        ("Is it red?", "other"),
        ("Whoever, somewhat, nowhere, somehow?", "other"),
        ("Is the WHO in Geneva?", "other"),
        ("Where does the WHO sit?", "where"),
        ("", "other"),
    ],
)
def test_the_question_word_decides_the_type(text: str, expected: str) -> None:
    assert question_type(text) == expected
    assert expected in QUESTION_TYPES


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [(1, "1"), (2, "2"), (3, "3-5"), (5, "3-5"), (6, "6-10"), (10, "6-10"), (11, "11+"), (300, "11+")],
)
def test_the_shortest_reference_s_tokens_are_its_length(tokens: int, expected: str) -> None:
    reference = " ".join(["red"] * tokens)
    asked = question("What?", f"The {reference} and more", f"The {reference}", f"{reference} and more")
    assert answer_tokens(asked) == tokens
    assert answer_length(asked) == expected
    assert expected in ANSWER_LENGTHS


def test_a_reference_without_a_token_has_no_length() -> None:
    assert answer_length(question("What?", "the red.", "the", ".")) is None
    assert answer_length(question("What?", "the red.", "the", "red")) == "1"
    assert answer_length(UNANSWERABLE) is None


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (0, "first quarter"),
        (24, "first quarter"),
        (25, "second quarter"),
        (49, "second quarter"),
        (50, "third quarter"),
        (74, "third quarter"),
        (75, "last quarter"),
        (99, "last quarter"),
    ],
)
def test_where_the_first_reference_starts_is_the_position(start: int, expected: str) -> None:
    assert answer_position(Question("q", "What?", "", "x" * 100, ((start, "x"), (0, "x")))) == expected
    assert answer_position(UNANSWERABLE) is None


def test_a_breakdown_by_hand() -> None:
    context = "red blue " + "x " * 100
    long = question("Who painted it?", context, "red blue")
    predictions = [
        prediction(3.0, 1.0, 1.0, question("Who is it?", "red", "red")),
        prediction(1.0, 0.5, 0.0, long),
        prediction(2.0, 0.0, 0.0, question("Why?", "blue", "blue")),
        prediction(-1.0, 0.8, 0.0, question("Why not?", context, "x")),
    ]
    cut_up = [False, True, False, True]
    assert breakdown(predictions, cut_up, null_threshold=99.0) == {
        "question type": {"who": {"n": 2, "em": 50.0, "f1": 75.0}, "why": {"n": 2, "em": 0.0, "f1": 40.0}},
        "answer length": {"1": {"n": 3, "em": 33.33, "f1": 60.0}, "2": {"n": 1, "em": 0.0, "f1": 50.0}},
        "answer position": {"first quarter": {"n": 2, "em": 0.0, "f1": 65.0}},
    }
    refusing = breakdown([*predictions, prediction(0.0, 0.0, asked=UNANSWERABLE)], [*cut_up, True], null_threshold=0.0)
    assert refusing == {
        "question type": {
            "what": {"n": 1, "em": 100.0, "f1": 100.0},
            "who": {"n": 2, "em": 50.0, "f1": 75.0},
            "why": {"n": 2, "em": 0.0, "f1": 0.0},
        },
        "answer length": {"1": {"n": 3, "em": 33.33, "f1": 33.33}, "2": {"n": 1, "em": 0.0, "f1": 50.0}},
        "answer position": {"first quarter": {"n": 2, "em": 0.0, "f1": 25.0}},
    }
    assert breakdown([], [], 0.0) == {}


@pytest.mark.parametrize("asked", ["What is it?", "What is it really and truly?", "why " * 100])
@pytest.mark.parametrize("max_length", [72, 90])
def test_a_context_needs_windows_where_the_reader_cuts_it(tokenizer: Tokenizer, asked: str, max_length: int) -> None:
    ids = question_ids(tokenizer, asked)
    room = max_length - 3 - len(ids)
    questions = [question(asked, "red " * count) for count in (0, 1, room - 1, room, room + 1, 500)]
    parts = tokenize(tokenizer, [q.context for q in questions])
    windows = [len(cut(PairTemplate.of(tokenizer), ids, part, max_length, 5)) for part in parts]
    found = needs_windows(tokenizer, max_length, questions)
    assert found == [False, False, False, False, True, True] == [count > 1 for count in windows]
