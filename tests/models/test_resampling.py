"""Intervals and significance: by hand where all cases can be counted, by theory where they cannot."""

import numpy as np
import pytest

from models.evaluation.resampling import bootstrap_intervals, paired_randomization


def test_p_of_few_questions_counts_every_change_of_signs() -> None:
    differences = np.array([[1.0, 1.0, 3.0, 0.0], [2.0, -1.0, -1.0, 0.0], [3.0, 1.0, 0.5, 0.0]])
    # Sums of 6, 1, 2.5 and 0. Of the 8 changes of signs, 2 give 6 or -6; all give 1 or more away from 0;
    # 3, 1 and 0.5 give 4.5, 3.5, 2.5 and 1.5 and their opposites, of which six are as far as 2.5; all are as far as 0.
    assert paired_randomization(differences).tolist() == [2 / 8, 1, 6 / 8, 1]


def test_p_does_not_depend_on_which_system_is_first() -> None:
    differences = np.random.default_rng(0).normal(0.1, 1, (200, 3))
    assert paired_randomization(differences).tolist() == paired_randomization(-differences).tolist()


def test_drawn_ps_come_near_the_counted_ones() -> None:
    differences = np.random.default_rng(3).normal(0.5, 1, (12, 4))
    counted = paired_randomization(differences)  # 4,096 changes of signs
    drawn = paired_randomization(differences, permutations=4_000)
    assert (counted != drawn).any()
    assert drawn == pytest.approx(counted, abs=0.03)


def test_ps_of_clear_and_of_no_differences() -> None:
    rng = np.random.default_rng(4)
    clear, none = paired_randomization(np.column_stack([rng.normal(1, 1, 300), rng.normal(0, 1, 300) * 0]))
    assert clear == pytest.approx(1 / 10_001)  # the real signs are among those that are counted
    assert none == 1


def test_ps_of_equal_systems_are_spread_evenly() -> None:
    differences = np.random.default_rng(5).normal(0, 1, (40, 400))
    ps = paired_randomization(differences, permutations=500)
    assert (ps < 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert (ps < 0.5).mean() == pytest.approx(0.5, abs=0.08)


def test_an_interval_holds_the_middle_of_the_resampled_means() -> None:
    # Of 4 questions one is right: a resample has Binomial(4, 1/4) of them, 0.32 none and 0.004 all four.
    for right in range(4):
        assert bootstrap_intervals(np.eye(4)[:, [right]]).tolist() == [[0.0, 0.75]]
    assert bootstrap_intervals(np.full((5, 2), 0.5)).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert bootstrap_intervals(np.array([[0.25]])).tolist() == [[0.25, 0.25]]


def test_intervals_of_many_questions_are_those_of_the_normal_distribution() -> None:
    values = np.random.default_rng(6).normal(0.4, 0.2, (2_000, 1))
    low, high = bootstrap_intervals(values)[0]
    half = 1.96 * values.std() / np.sqrt(2_000)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=half / 8)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(7).random((50, 2))
    assert bootstrap_intervals(values).tolist() == bootstrap_intervals(values).tolist()
    assert bootstrap_intervals(values).tolist() != bootstrap_intervals(values, seed=1).tolist()
