"""Hybrid retrieval on hand-made rankings, and the second dense search."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from models.hybrid import Searches, moved, rank
from store.options import Options
from store.records import Embedding

VECTORS = {1: (1.0, 0.0, 0.0), 2: (0.6, 0.8, 0.0), 3: (0.0, 1.0, 0.0), 4: (0.0, 0.0, 2.0), 5: (-0.8, 0.6, 0.0)}
QUESTION = np.array([1.0, 0.0, 0.0], dtype=np.float32)


class Made:
    """Dense search by brute force, sparse search as it is given, and a note of what was asked."""

    def __init__(self, sparse: Mapping[int, float], embedded: Mapping[int, Sequence[float]] = VECTORS) -> None:
        self.asked: list[Embedding] = []
        self.title_weights: list[float] = []
        self._sparse = sparse
        self._vectors = {number: np.array(vector, dtype=np.float32) for number, vector in embedded.items()}
        self.searches = Searches(self.sparse, self.dense, self.embeddings)

    def sparse(self, title_weight: float) -> Mapping[int, float]:
        self.title_weights.append(title_weight)
        return self._sparse

    def dense(self, embedding: Embedding) -> dict[int, float]:
        self.asked.append(embedding)
        lengths = {number: np.linalg.norm(v) * np.linalg.norm(embedding) for number, v in self._vectors.items()}
        return {number: float(v @ embedding / lengths[number]) for number, v in self._vectors.items()}

    def embeddings(self, numbers: Sequence[int]) -> dict[int, Embedding]:
        return {number: self._vectors[number] for number in numbers if number in self._vectors}


def test_a_question_moves_towards_the_mean_direction_of_others() -> None:
    towards = [np.array([0, 5, 0], np.float32), np.array([0, 0, 0.5], np.float32)]
    half = 0.5 * np.sqrt(0.5)
    assert moved(3 * QUESTION, towards, 0.5) == pytest.approx([1, half, half])
    assert moved(QUESTION, towards, 0.0) == pytest.approx(QUESTION)
    assert moved(QUESTION, [np.zeros(3, np.float32)], 0.5) == pytest.approx(QUESTION)


def test_without_feedback_both_rankings_are_fused_once() -> None:
    made = Made({3: 10.0, 4: 5.0})
    found = rank(made.searches, QUESTION, Options(title_weight=0.25, dense_weight=0.5, feedback=0.0))
    assert len(made.asked) == 1
    assert made.title_weights == [0.25]
    assert found.dense == pytest.approx({1: 1, 2: 0.6, 3: 0, 4: 0, 5: -0.8})
    assert found.sparse == {3: 10, 4: 5}
    assert found.fused == pytest.approx({1: 0.5, 2: 0.7 / 1.8, 3: 0.4 / 1.8 + 0.5, 4: 0.4 / 1.8, 5: 0})


def test_feedback_searches_again_towards_the_two_best() -> None:
    made = Made({3: 10.0, 4: 5.0})
    found = rank(made.searches, QUESTION, Options(dense_weight=0.5, feedback=3.0))
    first, second = made.asked
    assert first == pytest.approx(QUESTION)
    assert second == pytest.approx(moved(QUESTION, [np.array(VECTORS[n], np.float32) for n in (3, 1)], 3.0))
    assert found.dense == pytest.approx({1: 1, 2: 0.6, 3: 0, 4: 0, 5: -0.8})  # of the question as it was asked
    near = {number: score for number, score in found.fused.items() if number in (1, 2)}
    assert near[2] == pytest.approx(0.5)  # between the two, and so the nearest now
    assert near[1] < near[2]


def test_passages_without_an_embedding_move_nothing() -> None:
    made = Made({7: 3.0, 8: 2.0, 9: 1.0}, {})
    found = rank(made.searches, QUESTION, Options())
    assert len(made.asked) == 1
    assert sorted(found.fused) == [7, 8, 9]


def test_reciprocal_ranks_take_the_weights_too() -> None:
    made = Made({3: 10.0, 4: 5.0})
    found = rank(made.searches, QUESTION, Options(fusion="rrf", dense_weight=0.25, feedback=0.0))
    assert found.fused[1] == pytest.approx(0.25 / 61)
    assert found.fused[3] == pytest.approx(0.25 / 63 + 0.75 / 61)
