"""Retrieval: a question in, scored passages of a collection out; by words, by meaning, or by both."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from models.encoder import Encoder
from models.fusion import Scores, ordered
from models.hybrid import Ranking, Searches, rank
from models.selection import Selected, select
from store.collection import Collection
from store.dense import unit
from store.errors import InvalidInput
from store.reading import CollectionState, Reading
from store.records import Embedding, Hit, Passage

RetrieverName = Literal["hybrid", "sparse", "dense"]

SPARE = 2  # times the passages that are wanted: a single ranking has some to spare for those with the same text
DEEPER = (1, 4, 16)  # times the first depth: how far to look where what was found does not make enough passages


@dataclass(frozen=True)
class Retrieved:
    """A passage and its scores: of the chosen retriever, and of each view that was asked."""

    passage: Passage
    score: float  # BM25, cosine, or the fused score: a sum in [0, 1], or of reciprocal ranks
    sparse: float | None  # None where none of the question's words is in it, or it is not among the best by them
    dense: float | None
    copies: tuple[Passage, ...] = ()  # passages with the same text that ranked below


@dataclass(frozen=True)
class Retrieval:
    """Passages, best first, of which state of the collection, and how long it took in milliseconds."""

    passages: tuple[Retrieved, ...]
    state: CollectionState
    up_to_date: bool  # see `Reading.up_to_date`
    encode_ms: float
    retrieve_ms: float
    rerank_ms: float = 0.0


def retrieve(
    collection: Collection,
    encoder: Encoder | None,
    question: str,
    limit: int,
    retriever: RetrieverName = "hybrid",
    filters: Mapping[str, Any] | None = None,
    embedding: Embedding | None = None,
    per_document: int | None = None,
) -> Retrieval:
    """The `limit` best passages for a question, among those whose documents match the filters, at one generation.

    Of passages with the same text the best-ranked stands for all. Of one document there are `per_document` at most;
    None: any number. `embedding` is the question's, where there is no encoder to make it.

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
        embedding = encoder.encode_questions([question])[0]
    encoded = time.perf_counter()
    with collection.reading() as reading:
        passages = _retrieved(reading, embedding, question, limit, retriever, filters, per_document)
        state, up_to_date = reading.state(), reading.up_to_date
    done = time.perf_counter()
    return Retrieval(tuple(passages), state, up_to_date, 1000 * (encoded - began), 1000 * (done - encoded))


def searches(reading: Reading, question: str, depth: int, filters: Mapping[str, Any] | None) -> Searches:
    """A question's searches of one generation."""
    return Searches(
        lambda title_weight: _scores(reading.search_sparse(question, depth, filters, title_weight)),
        lambda embedding: _scores(reading.search_dense(embedding, depth, filters)),
        reading.embeddings,
    )


def _retrieved(
    reading: Reading,
    embedding: Embedding | None,
    question: str,
    limit: int,
    retriever: RetrieverName,
    filters: Mapping[str, Any] | None,
    per_document: int | None,
) -> list[Retrieved]:
    ranking, selected, scores = Ranking({}, {}, {}), list[Selected](), dict[int, float]()
    first = reading.options.depth if retriever == "hybrid" else SPARE * limit
    for depth in (times * first for times in DEEPER):
        ranking = _ranking(reading, embedding, question, depth, retriever, filters)
        scores |= _behind(scores, ranking.fused)
        selected = select(_passages(reading, list(scores), limit), limit, per_document)
        if len(selected) >= limit or max(len(ranking.sparse), len(ranking.dense)) < depth:
            break
    numbers = [one.passage.number for one in selected]
    dense = dict(ranking.dense)
    if retriever == "hybrid" and embedding is not None:
        dense |= _cosines(reading, embedding, [number for number in numbers if number not in dense])
    return [
        Retrieved(s.passage, scores[n], ranking.sparse.get(n), dense.get(n), tuple(s.copies))
        for n, s in zip(numbers, selected, strict=True)
    ]


def _behind(scores: Scores, deeper: Scores) -> Scores:
    """What only a deeper search found, best first, with scores no higher than those that are there.

    A fused score changes with the depth; so the first passages are the same, however many are asked for.
    """
    lowest = min(scores.values(), default=math.inf)
    return {number: min(deeper[number], lowest) for number in ordered(deeper) if number not in scores}


def _ranking(
    reading: Reading,
    embedding: Embedding | None,
    question: str,
    depth: int,
    retriever: RetrieverName,
    filters: Mapping[str, Any] | None,
) -> Ranking:
    asked = searches(reading, question, depth, filters)
    if retriever == "sparse" or embedding is None:
        sparse = asked.sparse(reading.options.title_weight)
        return Ranking(sparse, sparse, {})
    if retriever == "dense":
        dense = asked.dense(embedding)
        return Ranking(dense, {}, dense)
    return rank(asked, embedding, reading.options)


def _passages(reading: Reading, numbers: Sequence[int], at_once: int) -> Iterator[Passage]:
    """Passages in the order of these numbers, read when they are asked for."""
    for begin in range(0, len(numbers), at_once):
        some = numbers[begin : begin + at_once]
        found = reading.passages(some)
        yield from (found[number] for number in some if number in found)


def _cosines(reading: Reading, embedding: Embedding, numbers: Sequence[int]) -> dict[int, float]:
    """Of passages that the question's own embedding did not find."""
    stored = reading.embeddings(numbers) if numbers else {}
    question = unit(embedding[None])[0]
    return {number: float(unit(vector[None])[0] @ question) for number, vector in stored.items()}


def _scores(hits: Sequence[Hit]) -> Scores:
    return {hit.number: hit.score for hit in hits}
