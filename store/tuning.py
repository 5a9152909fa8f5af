"""Which dense index suits a collection.

Each of a menu is built from the collection's own embeddings, and searched as the collection would search it.
"""

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, sqrt

import faiss
import numpy as np
from numpy.typing import NDArray

from store.collection import Collection
from store.dense import DenseView, candidates, unit
from store.errors import InvalidInput
from store.nearest import DEFAULT_EFFORT, EXACT, TRAINING_PASSAGES, Nearest, Numbers, Vectors, compare

EFFORTS = (16, 32, 64, 128, 256, 512, 1024)
CUTOFFS = (10, 20)
FAST_MS = 5.0  # a search; answering a question takes ten times as long, so less would hardly be noticed
AS_FAST = 1.25  # times the fastest; what is not slower than that counts as fast as it
NOISE = 1.5  # times a passage's own length: its cosine with the question is then 0.55, as a real question's mostly is
SEED = 0
PASSAGES_A_LIST = 39  # that FAISS asks for at least, to train inverted lists
_WARM_UP = 10  # searches that are not counted
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Trial:
    """What all indexes of a menu are made of and asked."""

    collection: Collection
    numbers: Numbers  # (n,)
    vectors: Vectors  # (n, dimension)
    questions: Vectors  # (questions, dimension)
    best: NDArray[np.float32]  # (questions, 20): cosines of each question's nearest passages, by exact search
    limit: int  # passages that a search asks for, 20 at least

    @classmethod
    def of(cls, collection: Collection, numbers: Numbers, vectors: Vectors, questions: Vectors, limit: int) -> "Trial":
        """With the exact results; `questions` of any length but 0."""
        questions = unit(questions)
        best = np.stack([compare(question, vectors, max(CUTOFFS))[1] for question in questions])
        return cls(collection, numbers, vectors, questions, best, limit)


@dataclass(frozen=True)
class Measured:
    """An index at one effort."""

    index: str  # its factory string
    effort: int | None  # None: this kind knows none
    bytes: int
    build_s: float  # on all cores, from embeddings that have been read
    p50_ms: float  # of a search, on one core
    p95_ms: float
    recall_at_10: float
    recall_at_20: float


def menu(passages: int, dimension: int) -> tuple[str, ...]:
    """The kinds worth trying for so many passages, as factory strings; the first is exact."""
    most = min(passages, TRAINING_PASSAGES) // PASSAGES_A_LIST
    lists = 2 ** int(log2(min(4 * sqrt(passages), most)))
    quantized = (f"IVF{lists},PQ{dimension // 2}x4fs",) if dimension % 2 == 0 else ()
    return EXACT, "SQ8", "HNSW32", "HNSW32,SQ8", f"IVF{lists},Flat", f"IVF{lists},SQ8", *quantized


def efforts(index: str, limit: int) -> tuple[int, ...] | tuple[None]:
    """At which efforts searches of such an index differ."""
    if "IVF" in index:
        return EFFORTS
    if "HNSW" in index:  # which looks at as many nodes as candidates are wanted, at least
        return EFFORTS[max(bisect_right(EFFORTS, candidates(limit)) - 1, 0) :]
    return (None,)


def made_questions(vectors: Vectors, count: int, seed: int = SEED) -> Vectors:
    """Passages' own embeddings with noise added, at most `count`, each of another passage.

    The embeddings themselves would be found too easily: they lie where the index has put its nodes and lists. Real
    questions lie further off still, so the recall of these is rather too high.
    """
    rng = np.random.default_rng(seed)
    chosen = vectors[rng.choice(len(vectors), min(count, len(vectors)), replace=False)]
    noise = rng.normal(size=chosen.shape).astype(np.float32)
    return unit(chosen + NOISE * unit(noise))


def measure(trial: Trial, index: str) -> list[Measured]:
    """Build an index and search it at one effort after the other, until everything is found.

    Searches are those of `Collection.search_dense`: the candidates of an inexact index are compared again by their
    stored embeddings, which are read from the database.

    Raises:
        InvalidInput: there are too few passages to train such an index.
    """
    count, dimension = trial.vectors.shape
    sample = trial.vectors[:: max(count // TRAINING_PASSAGES, 1)]
    began = time.perf_counter()
    nearest = Nearest.build(index, dimension, sample, [(trial.numbers, trial.vectors)])
    build_s = time.perf_counter() - began
    if nearest.factory != index:
        raise InvalidInput(f"{count:,} passages are too few to train {index!r}; use one with fewer lists or centroids")
    view = DenseView.of(dimension, 0, nearest)
    size = index_bytes(nearest)
    measured: list[Measured] = []
    for effort in efforts(index, trial.limit):
        times, scores = _search(trial, view, effort or DEFAULT_EFFORT)
        p50, p95 = np.percentile(times, (50, 95)).tolist()
        measured.append(Measured(index, effort, size, build_s, p50, p95, *recalls(scores, trial.best)))
        if measured[-1].recall_at_20 == 1:
            break
    return measured


def recalls(scores: Sequence[Sequence[float]], best: NDArray[np.float32]) -> tuple[float, float]:
    """Of each question's 10 and 20 nearest passages, the share that was found; means over the questions.

    Told by scores, so that of several passages with the same embedding any will do.
    """
    shares = [
        [sum(score >= exact[k - 1] - _ROUNDING for score in found[:k]) / k for k in CUTOFFS]
        for found, exact in zip(scores, best, strict=True)
    ]
    at_10, at_20 = np.mean(shares, axis=0).tolist()
    return at_10, at_20


def front(measured: Sequence[Measured], recall: float) -> list[Measured]:
    """Those with such a recall@20 that no other with it beats in both size and median latency (the Pareto front)."""
    enough = [m for m in measured if m.recall_at_20 >= recall]
    return [m for m in enough if not any(_beats(other, m) for other in enough)]


def recommend(measured: Sequence[Measured], recall: float) -> tuple[Measured, str]:
    """The one to use, and why. An exact index has to be among them.

    Exact search, where it is fast. Otherwise, of those with such a recall@20 that are about as fast as the fastest of
    them, the smallest.
    """
    flat = next(m for m in measured if m.index == EXACT)
    if flat.p50_ms <= FAST_MS:
        return flat, f"exact search takes {flat.p50_ms:.1f} ms (p50); below {FAST_MS:g} ms none is noticeably faster"
    enough = front(measured, recall)
    fastest = min(m.p50_ms for m in enough)
    best = min((m for m in enough if m.p50_ms <= AS_FAST * fastest), key=lambda m: (m.bytes, m.p50_ms))
    if best is flat:
        return flat, f"no other with a recall@20 of {recall:g} is faster than exact search"
    return best, (
        f"of those with a recall@20 of {recall:g} that take at most {AS_FAST:g} times as long as the fastest of them "
        f"({fastest:.1f} ms), the smallest"
    )


def index_bytes(nearest: Nearest) -> int:
    """Size of an index in writing, without writing it anywhere."""
    sizes: list[int] = []
    faiss.write_index(nearest.index, faiss.PyCallbackIOWriter(lambda part: sizes.append(len(part)), 2**20))
    return sum(sizes)


def _beats(one: Measured, other: Measured) -> bool:
    same = (one.bytes, one.p50_ms) == (other.bytes, other.p50_ms)
    return one.bytes <= other.bytes and one.p50_ms <= other.p50_ms and not same


def _search(trial: Trial, view: DenseView, effort: int) -> tuple[list[float], list[list[float]]]:
    """How long each question took in milliseconds, and the scores of what it found, best first."""
    times, scores = [], []
    for question in (*trial.questions[:_WARM_UP], *trial.questions):
        began = time.perf_counter()
        with trial.collection.reading() as reading:
            hits = view.search(question, trial.limit, None, reading.embeddings, effort)
        times.append(1000 * (time.perf_counter() - began))
        scores.append([hit.score for hit in hits])
    warm = len(times) - len(trial.questions)
    return times[warm:], scores[warm:]
