"""Normalisation, exact match and F1, worked out by hand after SQuAD's official script."""

import pytest

from models.evaluation.answers import best_over_references, exact_match, f1
from models.normalization import normalize_answer


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Lighthouse!", "lighthouse"),
        ("a an the", ""),
        ("An apple a day", "apple day"),
        ("theatre", "theatre"),
        ("U.S.A.", "usa"),
        ("3,000.50", "300050"),
        ("the-end", "theend"),
        ("\tone\n two\u00a0three ", "one two three"),
        ("“quoted”", "“quoted”"),
        ("STRASSE Straße", "strasse straße"),
        ("e\u0301", "e\u0301"),
        ("...", ""),
        ("", ""),
    ],
)
def test_answers_are_normalised_as_in_squad(text: str, normal: str) -> None:
    assert normalize_answer(text) == normal


@pytest.mark.parametrize(
    ("prediction", "reference", "em", "score"),
    [
        ("1873", "1873", 1, 1),
        ("The Tower", "tower", 1, 1),
        ("tower!", "a tower", 1, 1),
        ("in 1873", "1873", 0, 2 / 3),
        ("the red house", "red house of mine", 0, 2 * (1 * 0.5) / 1.5),
        ("red", "blue", 0, 0),
        ("", "", 1, 1),
        ("the", "", 1, 1),
        ("", "red", 0, 0),
        ("red", "", 0, 0),
        ("red red", "red", 0, 2 / 3),
        ("red red blue", "red blue blue", 0, 2 / 3),
        ("Straße", "strasse", 0, 0),
        ("日本 東京", "東京", 0, 2 / 3),
        ("J.R.R. Tolkien", "JRR Tolkien", 1, 1),
        ("don't", "dont", 1, 1),
        ("one two three four", "four three two one", 0, 1),
        ("New York City", "New York", 0, 0.8),
    ],
)
def test_exact_match_and_f1(prediction: str, reference: str, em: float, score: float) -> None:
    assert exact_match(prediction, reference) == em
    assert f1(prediction, reference) == pytest.approx(score)
    assert f1(reference, prediction) == pytest.approx(score)


def test_the_best_reference_counts() -> None:
    assert best_over_references("in 1873", ["1873", "year 1873", "in May 1873"]) == pytest.approx((0, 0.8))
    assert best_over_references("1873", ["x", "1873"]) == (1, 1)
    assert best_over_references("", []) == (1, 1)
    assert best_over_references("x", []) == (0, 0)
