"""Fusion of a sparse and a dense ranking into one: pure functions on scores by passage number."""

from collections.abc import Callable, Mapping, Sequence

from store.options import Fusion

Scores = Mapping[int, float]

RRF_K = 60


def min_max(scores: Scores) -> dict[int, float]:
    """Scores of one ranking moved to [0, 1]; all 1 where they are equal."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {number: (score - low) / (high - low) if high > low else 1.0 for number, score in scores.items()}


def ordered(scores: Scores) -> list[int]:
    """Numbers by falling score; of equal ones, the lower number first."""
    return sorted(scores, key=lambda number: (-scores[number], number))


def weighted_sum(rankings: Sequence[Scores], weights: Sequence[float]) -> dict[int, float]:
    """Sum of the min-max normalised scores, times their weights; what a ranking lacks counts as 0 in it.

    (Convex combination after Bruch, Gai & Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval".)
    """
    fused: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for number, score in min_max(ranking).items():
            fused[number] = fused.get(number, 0.0) + weight * score
    return fused


def reciprocal_rank(rankings: Sequence[Scores], weights: Sequence[float], k: int = RRF_K) -> dict[int, float]:
    """Reciprocal rank fusion: the sum of weight / (k + rank), ranks from 1 (Cormack, Clarke & Büttcher 2009)."""
    fused: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, number in enumerate(ordered(ranking), 1):
            fused[number] = fused.get(number, 0.0) + weight / (k + rank)
    return fused


FUSIONS: Mapping[Fusion, Callable[[Sequence[Scores], Sequence[float]], dict[int, float]]] = {
    "sum": weighted_sum,
    "rrf": reciprocal_rank,
}
