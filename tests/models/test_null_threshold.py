"""Scores of a reader's predictions, and the threshold for "no answer", against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.reader import Prediction, best_null_threshold, score

PREDICTIONS = st.lists(
    st.builds(
        Prediction,
        id=st.just("q"),
        answer=st.just("x"),
        margin=st.integers(-20, 20).map(lambda n: n / 4),
        em=st.sampled_from([0.0, 1.0]),
        f1=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        answerable=st.booleans(),
    )
    | st.builds(
        Prediction, st.just("q"), st.just(""), st.just(float("-inf")), st.just(0.0), st.just(0.0), st.booleans()
    ),
    min_size=1,
    max_size=12,
)


def f1_at(predictions: list[Prediction], threshold: float) -> float:
    points = [
        (p.f1 if p.margin > threshold else 0.0) if p.answerable else float(p.margin <= threshold) for p in predictions
    ]
    return 100 * float(np.mean(points))


@given(PREDICTIONS)
def test_no_threshold_is_better_than_the_best_one(predictions: list[Prediction]) -> None:
    best, threshold = best_null_threshold(predictions)
    tried = [float("-inf"), *np.arange(-6.0, 6.0, 0.125).tolist()]
    assert best == pytest.approx(max(f1_at(predictions, t) for t in tried), abs=0.01)
    assert best == pytest.approx(f1_at(predictions, threshold), abs=0.01)


@given(PREDICTIONS, st.integers(-20, 20).map(lambda n: n / 4))
def test_scores_are_means_over_questions_of_each_kind(predictions: list[Prediction], threshold: float) -> None:
    result = score(predictions, threshold)
    has = [p for p in predictions if p.answerable]
    assert result["n"] == len(predictions)
    if len(has) == len(predictions):
        assert result["f1"] == pytest.approx(100 * np.mean([p.f1 for p in has]), abs=0.01)
        assert result["em"] == pytest.approx(100 * np.mean([p.em for p in has]), abs=0.01)
        return
    none = [p for p in predictions if not p.answerable]
    assert result["f1"] == pytest.approx(f1_at(predictions, threshold), abs=0.01)
    assert (result["has_answer_n"], result["no_answer_n"]) == (len(has), len(none))
    assert result["no_answer_accuracy"] == pytest.approx(f1_at(none, threshold), abs=0.01)
    assert result["has_answer_f1"] == pytest.approx(f1_at(has, threshold) if has else 0.0, abs=0.01)
    assert result["best_f1"] >= result["f1"] - 0.01


def test_scores_by_hand() -> None:
    predictions = [
        Prediction("a", "x", 3.0, 1.0, 1.0, True),
        Prediction("b", "x", 1.0, 0.0, 0.5, True),
        Prediction("c", "x", 2.0, 0.0, 0.0, False),
        Prediction("d", "x", -1.0, 0.0, 0.0, False),
    ]
    found = score(predictions, null_threshold=0.0)
    assert (found["em"], found["f1"]) == (50.0, 62.5)
    assert (found["has_answer_em"], found["has_answer_f1"], found["no_answer_accuracy"]) == (50.0, 75.0, 50.0)
    assert (found["best_f1"], found["best_null_threshold"]) == (75.0, 2.5)
    assert score(predictions[:2], 99.0) == {"n": 2, "em": 50.0, "f1": 75.0}
    assert score([], 0.0)["n"] == 0
