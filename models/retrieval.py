"""Retrieval: a question in, scored passages of a collection out; by words, by meaning, or by both."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from models.encoder import Encoder
from models.fusion import weighted_sum
from store.collection import Collection
from store.errors import InvalidInput
from store.reading import Reading
from store.records import Embedding, Passage

RetrieverName = Literal["hybrid", "sparse", "dense"]

FUSION_DEPTH = 100  # passages of each ranking that are fused
DENSE_WEIGHT = 0.5


@dataclass(frozen=True)
class Retrieved:
    """A passage and its scores: of the chosen retriever, and of each view that ranked it."""

    passage: Passage
    score: float  # BM25, cosine, or the fused score in [0, 1]
    sparse: float | None
    dense: float | None


@dataclass(frozen=True)
class Retrieval:
    """Passages, best first, and how long it took in milliseconds."""

    passages: tuple[Retrieved, ...]
    encode_ms: float
    retrieve_ms: float


def retrieve(
    collection: Collection,
    encoder: Encoder | None,
    question: str,
    limit: int,
    retriever: RetrieverName = "hybrid",
    filters: Mapping[str, Any] | None = None,
    embedding: Embedding | None = None,
) -> Retrieval:
    """The `limit` best passages for a question, among those whose documents match the filters, at one generation.

    `embedding` is the question's, where there is no encoder to make it.

    Raises:
        InvalidInput: the filters break a rule of their syntax, or there is neither an encoder nor an embedding.
    """
    began = time.perf_counter()
    if embedding is None and retriever != "sparse":
        if encoder is None:
            raise InvalidInput(
                f"{retriever} retrieval from collection {collection.name!r}, whose documents brought their embeddings, "
                "needs the question's embedding by the same model"
            )
        embedding = encoder.encode([question])[0]
    encoded = time.perf_counter()
    with collection.reading() as reading:
        passages = _ranked(reading, embedding, question, limit, retriever, filters)
    done = time.perf_counter()
    return Retrieval(tuple(passages), 1000 * (encoded - began), 1000 * (done - encoded))


def _ranked(
    reading: Reading,
    embedding: Embedding | None,
    question: str,
    limit: int,
    retriever: RetrieverName,
    filters: Mapping[str, Any] | None,
) -> list[Retrieved]:
    depth = max(limit, FUSION_DEPTH) if retriever == "hybrid" else limit
    sparse: dict[int, float] = {}
    dense: dict[int, float] = {}
    if retriever != "dense":
        sparse = {hit.number: hit.score for hit in reading.search_sparse(question, depth, filters)}
    if retriever != "sparse" and embedding is not None:
        dense = {hit.number: hit.score for hit in reading.search_dense(embedding, depth, filters)}
    if retriever == "hybrid":
        scores = weighted_sum([dense, sparse], [DENSE_WEIGHT, 1 - DENSE_WEIGHT])
    else:
        scores = sparse or dense
    best = sorted(scores, key=lambda number: (-scores[number], number))[:limit]
    found = reading.passages(best)
    return [Retrieved(found[n], scores[n], sparse.get(n), dense.get(n)) for n in best if n in found]
