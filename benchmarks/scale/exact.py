"""What a dense search should find: the nearest of all vectors, by comparing with every one of them."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.corpus import BUCKETS, Corpus, Vectors
from benchmarks.scale.subjects import TOP

Neighbours = NDArray[np.int64]  # (questions, TOP): numbers of passages, best first; -1 where there are no more


def nearest(corpus: Corpus, size: int, questions: Vectors, in_bucket: bool = False) -> Neighbours:
    """The nearest of the first `size` passages to each question; `in_bucket`: among those of its bucket only."""
    count = len(questions)
    numbers, scores = np.full((count, TOP), -1), np.full((count, TOP), -np.inf, np.float32)
    for first, vectors in corpus.vectors(0, size):
        some = np.arange(first, first + len(vectors))
        new = questions @ vectors.T  # (questions, passages of the block)
        if in_bucket:
            new = np.where(some % BUCKETS == bucket_of(np.arange(count))[:, None], new, -np.inf)
        all_scores = np.hstack((scores, new))
        all_numbers = np.hstack((numbers, np.broadcast_to(some, new.shape)))
        best = np.argpartition(-all_scores, TOP - 1, axis=1)[:, :TOP]
        numbers, scores = np.take_along_axis(all_numbers, best, 1), np.take_along_axis(all_scores, best, 1)
    order = np.argsort(-scores, axis=1)
    numbers, scores = np.take_along_axis(numbers, order, 1), np.take_along_axis(scores, order, 1)
    return np.where(np.isfinite(scores), numbers, -1)


def bucket_of(question: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket that a question, by its place in the sample, is restricted to."""
    return question % BUCKETS


def recall(found: list[list[int]], neighbours: Neighbours) -> float:
    """Share of the nearest passages that were found, mean over as many questions as were asked."""
    shares = []
    for numbers, row in zip(found, neighbours.tolist(), strict=False):
        there = {number for number in row if number >= 0}
        shares.append(len(there & set(numbers)) / len(there) if there else 1.0)
    return float(np.mean(shares))


def missing(found: list[list[int]], neighbours: Neighbours) -> float:
    """How many results fewer than there could have been, mean over as many questions as were asked."""
    there = (neighbours[: len(found)] >= 0).sum(axis=1)
    return float(np.mean([max(n - len(numbers), 0) for n, numbers in zip(there.tolist(), found, strict=True)]))
