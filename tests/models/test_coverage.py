"""Coverage: which share of a question stands around a span."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.coverage import AROUND, coverage, words


def test_words_count_by_their_letters_and_once() -> None:
    asked = words("Who sold the lighthouse, the lighthouse?")
    assert asked == {"who", "sold", "the", "lighthouse"}
    text = "The lighthouse went to Ann."
    assert coverage(asked, text, 23, 26) == pytest.approx((3 + 10) / (3 + 4 + 3 + 10))
    assert coverage(words("the lighthouse went to"), text, 23, 26) == 1


def test_only_what_stands_near_the_span_counts() -> None:
    asked = words("lighthouse keeper")
    gap = " " * AROUND
    assert coverage(asked, f"lighthouse{gap}Ann{gap}keeper", 10 + AROUND, 13 + AROUND) == 0
    gap = " " * (AROUND - 10)
    assert coverage(asked, f"lighthouse{gap}Ann{gap}keeper", AROUND, AROUND + 3) == 1
    assert coverage(asked, "the keeper", 4, 10) == pytest.approx(6 / 16), "the span's own words count, too"


def test_case_and_unicode_form_do_not_matter() -> None:
    text = unicodedata.normalize("NFD", "Im CAFÉ Straße")
    assert coverage(words("café STRASSE"), text, 0, 2) == 1


def test_a_question_without_words_is_covered_by_anything() -> None:
    assert words(" ?! ") == set()
    assert coverage(words("?"), "some text", 0, 4) == 1


@given(st.text(), st.text(min_size=1), st.data())
def test_it_is_a_share(question: str, text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assert 0 <= coverage(words(question), text, start, end) <= 1
    assert coverage(words(text), text, 0, len(text)) == 1
