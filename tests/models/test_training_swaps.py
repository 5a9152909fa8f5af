"""Questions that lose their answer by another name or number."""

import pytest

from models.evaluation.squad import Question
from models.training.swaps import mentions, swaps

CONTEXT = (
    "In 1895, Guglielmo Marconi sent signals over 3 kilometres near Bologna. By 1901 the Canadian Reginald Fessenden, "
    "who was born near Knowlton, had reached 80 kilometres, it was said on a Tuesday in December. For the tests of "
    "May 1900 he had gone to Cobb Island. The 20th century's laws came in 1906."
)


def swapped(text: str, answer: str) -> set[str]:
    made = swaps(Question("q", text, "radio", CONTEXT, ((CONTEXT.index(answer), answer),)))
    assert all(one.answers == () and one.context == CONTEXT for one in made)
    assert len({one.text for one in made}) == len(made)
    return {one.text for one in made}


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        (
            "Who sent signals in 1895?",
            "Guglielmo Marconi",
            {"Who sent signals in 1901?", "Who sent signals in 1900?", "Who sent signals in 1906?"},
        ),
        ("How far did signals go in December?", "3 kilometres", {"How far did signals go in May?"}),
        ("Who said it on a Tuesday?", "Reginald Fessenden", set()),  # no other day
        ("Who sent signals near Bologna?", "Guglielmo Marconi", {"Who sent signals near Knowlton?"}),
        ("Who sent signals over 3 kilometres?", "Guglielmo Marconi", {"Who sent signals over 80 kilometres?"}),
    ],
)
def test_a_mention_goes_for_one_of_its_form_that_is_neither_asked_for_nor_named(
    text: str, answer: str, expected: set[str]
) -> None:
    assert swapped(text, answer) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Who sent signals?",  # nothing to exchange
        "Who did it in 1933?",  # not of the passage: a year that stands nowhere gives the question away
        "What did Nikola Tesla send?",
        "Who made laws in the 20th century?",  # 20 stands in a word
        "What did the Canadian send?",  # no other name is behind "the"
    ],
)
def test_what_the_passage_does_not_mention_as_such_stays(text: str) -> None:
    assert swapped(text, "Guglielmo Marconi") == set()


def test_a_question_that_is_answered_elsewhere_in_the_passage_is_not_made() -> None:
    context = "In 1990, 120 wells were dug in Rhode County. Later, in 1994, 90 wells were dug there. In 1997 it rained."
    asked = Question("q", "How many wells were dug in 1990?", "", context, ((9, "120"),))
    assert [one.text for one in swaps(asked)] == ["How many wells were dug in 1997?"]


def test_mentions_are_whole_and_of_their_form() -> None:
    text = (
        "The river rose. Nobody in Lower Austria's south knew. In May, 12 of 1,300 houses of 1870 stood, says the UN."
    )
    text += " On a Friday, Augustus of Mayfair met the 20th man from Ural-Altai in March 1871."
    found = [(mention.form, mention.text) for mention in mentions(text)]
    assert all(text[mention.start : mention.end] == mention.text for mention in mentions(text))
    assert found == [
        (("number",), "12"),
        (("number",), "1,300"),
        (("year",), "1870"),
        (("year",), "1871"),
        (("name", "in", "2"), "Lower Austria"),
        (("day",), "Friday"),
        (("name", "friday,", "3"), "Augustus of Mayfair"),
        (("name", "from", "1"), "Ural-Altai"),
        (("month",), "March"),
    ]
