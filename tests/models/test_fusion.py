"""Fusion, worked out by hand."""

from collections.abc import Callable

import pytest

from models.fusion import FUSIONS, min_max, ordered, reciprocal_rank, weighted_sum


def test_min_max_moves_scores_to_the_unit_interval() -> None:
    assert min_max({1: 10.0, 2: 20.0, 3: 12.5}) == {1: 0.0, 2: 1.0, 3: 0.25}
    assert min_max({1: -4.0, 2: -2.0}) == {1: 0.0, 2: 1.0}


def test_min_max_of_equal_scores_is_one() -> None:
    assert min_max({1: 3.0, 2: 3.0}) == {1: 1.0, 2: 1.0}
    assert min_max({7: -3.0}) == {7: 1.0}
    assert min_max({}) == {}


def test_a_weighted_sum_counts_what_a_ranking_lacks_as_zero() -> None:
    fused = weighted_sum([{1: 0.9, 2: 0.5, 3: 0.1}, {2: 30.0, 4: 10.0}], [0.25, 0.75])
    assert fused == pytest.approx({1: 0.25, 2: 0.125 + 0.75, 3: 0.0, 4: 0.0})


def test_a_weighted_sum_of_one_or_no_ranking() -> None:
    assert weighted_sum([{1: 5.0, 2: 4.0}, {}], [0.5, 0.5]) == {1: 0.5, 2: 0.0}
    assert weighted_sum([{}, {}], [0.5, 0.5]) == {}
    assert weighted_sum([], []) == {}
    with pytest.raises(ValueError, match="argument 2"):
        weighted_sum([{}], [0.5, 0.5])


def test_reciprocal_ranks_by_hand() -> None:
    fused = reciprocal_rank([{1: 9.0, 2: 8.0, 3: 7.0}, {3: 1.0, 1: 0.5}], [1, 1], k=60)
    assert fused == pytest.approx({1: 1 / 61 + 1 / 62, 2: 1 / 62, 3: 1 / 63 + 1 / 61})


def test_reciprocal_rank_breaks_ties_by_number_and_takes_nothing() -> None:
    assert reciprocal_rank([{5: 1.0, 2: 1.0}], [1], k=1) == {2: 1 / 2, 5: 1 / 3}
    assert reciprocal_rank([], []) == {}


def test_reciprocal_ranks_times_their_weights() -> None:
    fused = reciprocal_rank([{1: 9.0, 2: 8.0}, {2: 1.0}], [0.75, 0.25], k=10)
    assert fused == pytest.approx({1: 0.75 / 11, 2: 0.75 / 12 + 0.25 / 11})
    with pytest.raises(ValueError, match="argument 2"):
        reciprocal_rank([{}], [0.5, 0.5])


def test_numbers_come_by_falling_score_and_then_rising() -> None:
    assert ordered({4: 1.0, 9: 2.0, 2: 1.0}) == [9, 2, 4]


@pytest.mark.parametrize("fuse", FUSIONS.values())
def test_a_weight_of_one_ranks_as_that_ranking_does(fuse: Callable[..., dict[int, float]]) -> None:
    one, other = {1: 9.0, 2: 8.0, 3: 7.0}, {3: 9.0, 2: 8.0, 1: 7.0}
    assert ordered(fuse([one, other], [1.0, 0.0])) == [1, 2, 3]
    assert ordered(fuse([one, other], [0.0, 1.0])) == [3, 2, 1]
