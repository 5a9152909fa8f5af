"""The dense view: the embeddings of one generation of a collection, by passage number.

A view is never altered: following the change log makes another, which shares what has not changed. So a search that has
begun keeps its generation, and searches need no lock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from store.errors import InvalidInput
from store.nearest import DEFAULT_EFFORT, FEW, Nearest, Numbers, Vectors, compare
from store.records import Hit

LEAST_RESCORED = 100  # candidates of an inexact index that are compared by their stored embeddings

Exact = Callable[[Sequence[int]], dict[int, NDArray[np.float32]]]  # stored embeddings, by number


@dataclass(frozen=True)
class Recent:
    """Passages that came after the index was made; they are few, and compared one by one."""

    numbers: Numbers
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class DenseView:
    """An index of the passages up to some change, which of these are still alive, and the later ones beside it."""

    dimension: int
    change: int
    nearest: Nearest
    alive: NDArray[np.bool_]  # (len(nearest),)
    recent: Recent

    @classmethod
    def of(cls, dimension: int, change: int, nearest: Nearest, alive: NDArray[np.bool_] | None = None) -> "DenseView":
        """The view that an index gives by itself; `alive` None: all of it is."""
        return cls(
            dimension,
            change,
            nearest,
            np.ones(len(nearest), np.bool_) if alive is None else alive,
            Recent(np.empty(0, np.int64), np.empty((0, dimension), np.float32)),
        )

    def __len__(self) -> int:
        return int(self.alive.sum()) + len(self.recent)

    @property
    def dead(self) -> int:
        """How many passages of the index have been removed."""
        return len(self.alive) - int(self.alive.sum())

    def following(self, added: Recent, removed: Numbers, change: int) -> "DenseView":
        """The view after some changes. Removed numbers that are not here are no error."""
        recent = self.recent
        if len(added):
            recent = Recent(
                np.concatenate((recent.numbers, added.numbers)), np.concatenate((recent.vectors, added.vectors))
            )
        alive = self.alive
        if len(removed):
            alive = alive & ~_within(self.nearest.numbers, removed)
            kept = ~_within(recent.numbers, removed)
            recent = Recent(recent.numbers[kept], recent.vectors[kept])
        return replace(self, change=change, alive=alive, recent=recent)

    def search(
        self,
        embedding: NDArray[np.float32],
        limit: int,
        among: Numbers | None = None,
        exact: Exact | None = None,
        effort: int = DEFAULT_EFFORT,
    ) -> list[Hit]:
        """The nearest passages to a question's embedding (dimension,), best first; scores are cosines.

        Args:
            embedding: of any length but 0.
            limit: how many passages at most.
            among: restricts the search, before it ranks, to these numbers, which rise.
            exact: gives stored embeddings; the candidates of an inexact index are compared by them.
            effort: how much of an inexact index is looked at.

        Raises:
            InvalidInput: the embedding has another dimension, or is not finite.
        """
        if embedding.shape != (self.dimension,):
            raise InvalidInput(
                f"an embedding of shape {embedding.shape} cannot be searched in {self.dimension} dimensions"
            )
        if not np.isfinite(embedding).all():
            raise InvalidInput("an embedding to search with must hold finite numbers only")
        if limit < 1:
            return []
        question = unit(embedding[None])[0]
        scores = dict(self._search_indexed(question, limit, among, exact, effort))
        recent = self.recent
        if among is not None:
            chosen = _within(recent.numbers, among)
            recent = Recent(recent.numbers[chosen], recent.vectors[chosen])
        positions, near = compare(question, recent.vectors, limit)
        scores.update(zip(recent.numbers[positions].tolist(), near.tolist(), strict=True))
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        return [Hit(number, score) for number, score in ranked[:limit]]

    def _search_indexed(
        self, question: NDArray[np.float32], limit: int, among: Numbers | None, exact: Exact | None, effort: int
    ) -> list[tuple[int, float]]:
        if not len(self.nearest):
            return []
        permitted: NDArray[np.bool_] | None = None
        if among is not None:
            permitted = self.alive & _within(self.nearest.numbers, among)
        elif not self.alive.all():
            permitted = self.alive
        depth = limit if self.nearest.exact else candidates(limit)
        positions, scores = self.nearest.search(question, depth, max(effort, 1), permitted)
        numbers = self.nearest.numbers[positions].tolist()
        if self.nearest.exact or exact is None:
            return list(zip(numbers, scores.tolist(), strict=True))
        stored = exact(numbers)
        if not stored:
            return []
        positions, scores = compare(question, unit(np.stack(list(stored.values()))), limit)
        return list(zip(np.array(list(stored))[positions].tolist(), scores.tolist(), strict=True))


def candidates(limit: int) -> int:
    """How many passages of an inexact index are compared again where `limit` are wanted: half as many more, at least.

    Each is read from the database, and these reads are most of what a search costs.
    """
    return max(LEAST_RESCORED, limit + limit // 2)


def unit(vectors: NDArray[np.float32]) -> Vectors:
    """The vectors (n, dimension) at unit length; those of length 0 stay as they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)
    return scaled


def _within(numbers: Numbers, among: Numbers) -> NDArray[np.bool_]:
    """Which of some numbers, which rise, are among others."""
    found: NDArray[np.bool_]
    if len(among) > FEW * len(numbers):
        found = np.isin(numbers, among)
    else:  # looked up one by one: a fraction of the time, and of every write's to a large collection
        found = np.zeros(len(numbers), np.bool_)
        positions = np.searchsorted(numbers, among)
        there = positions < len(numbers)
        there[there] = numbers[positions[there]] == among[there]
        found[positions[there]] = True
    return found
