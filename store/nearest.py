"""The part of the dense view that FAISS keeps: an index made by a factory string, never altered once it is made.

https://github.com/facebookresearch/faiss/wiki/The-index-factory describes the strings.
"""

import os
import re
from collections.abc import Iterable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from store.errors import InvalidInput

AUTO = "auto"
EXACT = "Flat"
# What "auto" means: the first whose number of passages is not exceeded. Up to 50,000 vectors are compared with all of
# them in a few milliseconds; a graph over 8-bit codes takes a quarter of their memory, and beyond some millions
# inverted lists are far quicker to build.
CHOICES = ((50_000, EXACT), (4_000_000, "HNSW32,SQ8"), (2**63, "IVF16384_HNSW32,SQ8"))
LEAST_INEXACT = 1_000  # passages; of fewer, an index is exact whatever was asked for: there is too little to train it
MOST_GROWTH = 4  # times its size when it was trained, before an inexact index is made anew
DEFAULT_EFFORT = 256  # nodes of a graph, or inverted lists, that a search looks at
TRAINING_PASSAGES = 200_000  # at most; IVF16384 asks for 39 a list and warns below
FEW = 0.05  # of the passages; a graph would hardly find so few
FEWEST = 1_000  # passages that are read from an index to be compared, rather than looked for in it

Vectors = NDArray[np.float32]  # (n, dimension), of unit length
Numbers = NDArray[np.int64]  # (n,), rising


def choose(wanted: str, passages: int) -> str:
    """The factory string for so many passages, where `wanted` is one or "auto"."""
    if wanted != AUTO:
        return wanted if passages >= LEAST_INEXACT else EXACT
    return next(factory for most, factory in CHOICES if passages <= most)


def check_factory(factory: str, dimension: int) -> None:
    """Refuse a factory string that FAISS cannot build, or that cannot be searched under a filter.

    Raises:
        InvalidInput: with FAISS's reason.
    """
    if factory == AUTO:
        return
    try:
        index = _make(factory, dimension)
        _parameters(index, faiss.IDSelectorAll(), 1)
        if re.search(r"HNSW0*[01](?!\d)", factory):
            raise TypeError("with less than two neighbours a node FAISS ends the process; take HNSW16 or more")
    except (RuntimeError, TypeError) as error:
        raise InvalidInput(
            f"{factory!r} cannot be a dense index of {dimension} dimensions; use 'auto', or a FAISS factory string "
            f"of Flat, SQ, HNSW or IVF indexes such as 'HNSW32,SQ8' ({str(error).splitlines()[-1]})"
        ) from error


class Nearest:
    """Vectors in an index, each with its passage's number. Searches see positions, from 0 in the order of numbers."""

    def __init__(
        self, factory: str, built: int, index: Any, numbers: Numbers, source: NDArray[np.uint8] | None = None
    ) -> None:
        self.factory = factory
        self.built = built  # how many vectors it was made of at first, before it was extended
        self.index = index
        self.numbers = numbers
        self._source = source  # the index in writing, where it was not read but is looked at in place

    def __len__(self) -> int:
        return len(self.numbers)

    def serves(self, factory: str, passages: int) -> bool:
        """Whether this is such an index, and was trained on enough of so many passages."""
        return self.factory == factory and (self.exact or passages <= MOST_GROWTH * self.built)

    @property
    def exact(self) -> bool:
        """Whether scores and ranks are those of the vectors themselves."""
        return self.factory == EXACT

    @classmethod
    def mapped(cls, factory: str, built: int, numbers: Numbers, source: NDArray[np.uint8]) -> "Nearest":
        """The index that `written` gave, looked at where it lies: of a mapped file only what is searched is read."""
        reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(source), len(source))
        return cls(factory, built, faiss.read_index(reader, faiss.IO_FLAG_MMAP_IFC), numbers, source)

    def written(self) -> NDArray[np.uint8]:
        """The index as bytes."""
        content: NDArray[np.uint8] = faiss.serialize_index(self.index)
        return content

    @classmethod
    def build(
        cls, factory: str, dimension: int, sample: Vectors, chunks: Iterable[tuple[Numbers, Vectors]]
    ) -> "Nearest":
        """An index of all chunks, which come in the order of their numbers, trained on a sample of their vectors.

        Where the sample is too small for it, such as for more inverted lists than there are vectors, it is exact.
        """
        _use_all_cores()
        index = _make(factory, dimension)
        if not index.is_trained:
            try:
                index.train(sample)
            except RuntimeError:
                factory, index = EXACT, _make(EXACT, dimension)
        numbers = [np.empty(0, np.int64)]
        for some, vectors in chunks:
            index.add(vectors)
            numbers.append(some)
        return cls(factory, index.ntotal, index, np.concatenate(numbers))

    def extended(self, numbers: Numbers, vectors: Vectors) -> "Nearest":
        """Another index that holds these vectors too; their numbers are higher than all that are here."""
        # A clone of an index that is looked at in place would lie there, too, where nothing can be added.
        _use_all_cores()
        source = self._source
        index = faiss.clone_index(self.index) if source is None else faiss.deserialize_index(source)
        index.add(vectors)
        return Nearest(self.factory, self.built, index, np.concatenate((self.numbers, numbers)))

    def search(
        self, vector: NDArray[np.float32], depth: int, effort: int, permitted: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions and scores of about the `depth` nearest among the permitted positions; all are where it is None."""
        _use_one_core()
        index, parameters = self.index, _parameters(self.index, None, effort)
        if permitted is not None:
            count = int(permitted.sum())
            few = count <= FEW * len(self)
            if count <= max(FEWEST, depth) or (few and self.exact):
                return self._compare(vector, depth, np.flatnonzero(permitted))
            selector = faiss.IDSelectorBitmap(np.packbits(permitted, bitorder="little"))
            if few and isinstance(index, faiss.IndexHNSW):  # all codes, without the graph
                index, parameters = faiss.downcast_index(index.storage), faiss.SearchParameters(sel=selector)
            else:  # the fewer are permitted, the more of the others are met on the way
                parameters = _parameters(index, selector, effort * len(self) // count)
        scores, positions = index.search(vector[None], min(depth, len(self)), params=parameters)
        found = positions[0] >= 0
        return positions[0][found], scores[0][found]

    def _compare(
        self, vector: NDArray[np.float32], depth: int, positions: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if not len(positions):
            return positions, np.empty(0, np.float32)
        best, scores = compare(vector, self.index.reconstruct_batch(positions), depth)
        return positions[best], scores


def compare(vector: NDArray[np.float32], others: Vectors, limit: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which of the others are nearest to a vector, best first, and their scores.

    Every score comes from the same routine, FAISS's, to the last bit: whichever way a passage is found, it ranks alike.
    """
    limit = min(limit, len(others))
    if limit < 1:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    _use_one_core()
    scores, positions = faiss.knn(vector[None], others, limit, metric=faiss.METRIC_INNER_PRODUCT)
    return positions[0], scores[0]


def _use_one_core() -> None:
    """For this thread's searches: cores that wait for one another cost a search more than they give, under load."""
    faiss.omp_set_num_threads(1)


def _use_all_cores() -> None:
    faiss.omp_set_num_threads(os.cpu_count() or 1)


def _make(factory: str, dimension: int) -> Any:
    index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    inner = _inner(index)
    if isinstance(inner, faiss.IndexIVF):
        inner.set_direct_map_type(faiss.DirectMap.Array)  # so that single vectors can be read back
    return index


def _inner(index: Any) -> Any:
    """The index behind any transformations of its vectors."""
    index = faiss.downcast_index(index)
    return _inner(index.index) if isinstance(index, faiss.IndexPreTransform) else index


def _parameters(index: Any, selector: Any, effort: int) -> Any:
    """What a search of this kind of index is told. `TypeError` for kinds that do not filter while they search."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        return faiss.SearchParametersPreTransform(index_params=_parameters(index.index, selector, effort))
    if isinstance(index, faiss.IndexIVF):
        return faiss.SearchParametersIVF(sel=selector, nprobe=min(effort, index.nlist))
    if isinstance(index, faiss.IndexHNSW):
        return faiss.SearchParametersHNSW(sel=selector, efSearch=effort)
    if isinstance(index, faiss.IndexFlat | faiss.IndexScalarQuantizer):
        return faiss.SearchParameters(sel=selector)
    raise TypeError(f"{type(index).__name__} takes no filters")
