"""Confidence: a probability that rises with the margin."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.answers import Candidate, Place
from models.confidence import LEAD_OF_ONLY_ONE, LIKELIEST, Calibration, features, kept, probability, standings
from store.errors import Damaged

MARGINS = st.floats(-1e6, 1e6)
STANDING = (1.0, 0.5, 0.25)  # of three retrieved passages


def candidate(margin: float, passage: int = 0, also: tuple[int, ...] = (), coverage: float = 1.0) -> Candidate:
    places = [Place(other, "d", 50, 51, margin - 1) for other in also]
    return Candidate("x", Place(passage, "d", 0, 1, margin, coverage), places)


def test_features_are_margin_lead_agreement_the_passage_s_rank_and_standing_and_coverage() -> None:
    first, second = candidate(5.0, 1, also=(0, 2, 2), coverage=0.2), candidate(3.0, 2, coverage=0.5)
    rows = features([first, second, candidate(-30.0, 1, coverage=0.1)], STANDING)
    assert rows[0] == pytest.approx((1.0, 5.0, 2.0, math.log(3), 0.0, 1.0, 0.5))
    assert rows[1] == pytest.approx((1.0, 3.0, -2.0, 0.0, math.log(3), 0.25, 0.5))
    assert rows[2] == pytest.approx((1.0, -30.0, -LEAD_OF_ONLY_ONE, 0.0, math.log(2), 0.5, 0.5))
    assert features([candidate(1.0)], STANDING) == [(1.0, 1.0, LEAD_OF_ONLY_ONE, 0.0, 0.0, 1.0, 1.0)]
    assert [row[2] for row in features([candidate(2.0), candidate(2.0)], STANDING)] == [0.0, 0.0]
    assert features([], STANDING) == []


def test_only_the_likeliest_candidates_surroundings_count() -> None:
    some = [candidate(float(-n), coverage=n / 10) for n in range(LIKELIEST + 1)]
    assert {row[-1] for row in features(some, STANDING)} == {(LIKELIEST - 1) / 10}
    assert features([*reversed(some)], STANDING) == [*reversed(features(some, STANDING))]


def test_standings_are_shares_of_the_best_score() -> None:
    assert standings([8.0, 4.0, -1.0]) == [1.0, 0.5, 0.0]
    assert standings([0.5, None]) == [1.0, 1.0]
    assert standings([0.0, 0.0]) == [1.0, 1.0]
    assert standings([]) == []


@given(st.lists(MARGINS, min_size=1, max_size=6))
def test_without_calibration_confidence_is_the_logistic_of_the_margin(margins: list[float]) -> None:
    confidences, no_answer = Calibration({}).judge([candidate(margin) for margin in margins], STANDING)
    best = max(margins)
    assert all(0 <= c <= 1 for c in [*confidences, no_answer])
    assert no_answer == pytest.approx(1 - max(confidences), abs=1e-9)
    assert confidences[margins.index(best)] == max(confidences)
    for margin, confidence in zip(margins, confidences, strict=True):
        if abs(margin) < 50:
            assert confidence == pytest.approx(1 / (1 + math.exp(-margin)))


@given(MARGINS, MARGINS)
def test_a_higher_margin_is_never_less_sure(one: float, other: float) -> None:
    low, high = sorted([one, other])
    weights = {"answer": (-1.0, 0.5, 0.1, 0.3, -0.2, 0.4, 1.0), "no_answer": (0.2, -0.7, -0.1, 0.0, 0.1, 0.1, -1.0)}
    (worse,), nothing_worse = Calibration(weights).judge([candidate(low)], STANDING)
    (better,), nothing_better = Calibration(weights).judge([candidate(high)], STANDING)
    assert worse <= better
    assert nothing_better <= nothing_worse


def test_agreement_and_lead_count_as_weighted() -> None:
    calibration = Calibration({"answer": (0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0)})
    confidences, _ = calibration.judge([candidate(5.0, also=(1,)), candidate(4.0)], STANDING)
    assert confidences == pytest.approx([probability([1.0], [1 + 2 * math.log(2)]), probability([1.0], [-1.0])])


@pytest.mark.parametrize(
    "weights",
    [
        {"answer": (0.0,) * 6},
        {"answer": (0.0,) * 7, "no_answer": (0.0,) * 8},
        {"margin_limit": ()},
        {"temperature": (1.0,)},
        {"answer": (*[0.0] * 6, math.nan)},
        {"no_answer": (math.inf,) * 7},
    ],
)
def test_weights_of_other_features_are_refused_by_name(weights: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(Damaged, match=f"{list(weights)[-1]!r}.*bias, margin, lead.*lector evaluate calibrate"):
        Calibration(weights)
    assert Calibration({"answer": (0.0,) * 7, "no_answer": (0.0,) * 7, "margin_limit": (1.0,)}).judge([], [])


def test_without_a_candidate_there_is_surely_no_answer() -> None:
    assert Calibration({}).judge([], []) == ([], 1.0)


def test_the_logistic_function_is_bounded() -> None:
    assert probability([1.0], [0.0]) == 0.5
    assert 0 < probability([1.0], [-1e300]) < 1e-20
    assert 1 - 1e-15 < probability([1.0], [1e300]) <= 1


def test_without_a_bound_the_more_likely_decides_and_with_one_the_bound() -> None:
    confidences = [0.2, 0.7, 0.4]
    assert kept(confidences, 0.49, None) == [1, 2, 0]
    assert kept(confidences, 0.5, None) == []
    assert kept(confidences, 0.99, 0.4) == [1, 2]
    assert kept(confidences, 0.99, 0.0) == [1, 2, 0]
    assert kept([], 1.0, None) == []
