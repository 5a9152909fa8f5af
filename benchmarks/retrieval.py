"""Lector's retrievers beside those of others: the same corpus and embeddings, the same questions, the same metrics."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "false")  # haystack reads it when it is imported

import numpy as np

from benchmarks.machine import machine
from benchmarks.retrieval_tables import PEERS
from models.encoder import Encoder, join_titles
from models.evaluation.corpus import corpus_name
from models.evaluation.judgements import Judgements, Query
from models.evaluation.rankings import OURS, Found, Search, ours
from models.evaluation.retriever_report import figures
from models.evaluation.retriever_run import Place, corpus_counts, evaluate, opened
from models.evaluation.squad import spread
from models.evaluation.terminal import Track, silently
from models.settings import Settings
from store.collection import Collection
from store.errors import InvalidInput, Unavailable
from store.nearest import Vectors

PACKAGES = ("faiss-cpu", "tantivy", *PEERS)
AT = (1, 3, 5, 10, 20, 100)
AMONG = 500  # passages read at once


def benchmark_retrievers(
    source: Path,
    judgements: Judgements,
    settings: Settings,
    limit: int | None = None,
    index: Path | None = None,
    track: Track = silently,
) -> dict[str, Any]:
    """The report of `lector benchmark retriever`: every retriever's metrics, and how ours compares with each.

    All are asked in this process, one after the other. Each question is encoded anew for every retriever that needs
    its embedding, by the same encoder, which counts in its latency. A title stands before its passage's text where
    a store searches one text only.

    Raises:
        InvalidInput: the source brings no corpus or asks of a part of it only; and as of `lector evaluate retriever`.
        Unavailable: a package of the others' is not installed.
    """
    if judgements.corpus is None or any(query.filters for query in judgements.queries):
        raise InvalidInput(
            "retrievers are compared on sources that bring their corpus and ask all of it: a BEIR folder, SQuAD's "
            "JSON, or questions with --corpus"
        )
    by = judgements.relevance(None)
    queries = spread(judgements.judged_by(by), limit)
    with opened(Place(corpus_name(source), judgements, index), settings, track) as (collection, encoder):
        counts = corpus_counts(judgements, queries, by, collection)
        asked: dict[str, Search] = {f"Lector {name}": ours(collection, encoder, name) for name in OURS}
        try:
            rows, vectors = _rows(collection)
            asked |= haystack_searches(rows, vectors, encoder) | txtai_searches(rows, vectors, encoder)
        except ImportError as error:
            raise Unavailable(f"{error}; install the extra `bench`: pip install 'lector[bench]'") from error
        report = figures(evaluate(asked, queries, by, AT, track))
    chosen = f"Lector {OURS[0]}"
    report["significance"] = {pair: of for pair, of in report["significance"].items() if chosen in pair.split(" vs ")}
    return {"source": str(source), "machine": machine(*PACKAGES), "corpus": counts, **report}


def haystack_searches(rows: Sequence[tuple[str, Found]], vectors: Vectors, encoder: Encoder) -> dict[str, Search]:
    """Haystack's in-memory retrievers, and both joined by reciprocal rank, as its documentation does.

    Args:
        rows: each passage with its title.
        vectors: (passages, dimension), theirs.
        encoder: what makes a question's embedding.
    """
    from haystack import Document
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore(embedding_similarity_function="cosine", return_embedding=False)
    store.write_documents(
        [
            Document(id=found.passage, content=text, meta={"document": found.document}, embedding=vector.tolist())
            for (_, found), text, vector in zip(rows, _titled(rows), vectors, strict=True)
        ]
    )
    by_words, by_meaning = InMemoryBM25Retriever(store), InMemoryEmbeddingRetriever(store)
    joiner = DocumentJoiner("reciprocal_rank_fusion")

    def sparse(query: Query, limit: int) -> list[Any]:
        return list(by_words.run(query=query.text, top_k=limit)["documents"])

    def dense(query: Query, limit: int) -> list[Any]:
        embedding = encoder.encode_questions([query.text])[0]
        return list(by_meaning.run(query_embedding=embedding.tolist(), top_k=limit)["documents"])

    def hybrid(query: Query, limit: int) -> list[Any]:
        return list(joiner.run([sparse(query, limit), dense(query, limit)], top_k=limit)["documents"])

    def search_by(search: Any) -> Search:
        return lambda query, limit: [
            Found(document.meta["document"], document.id, document.content) for document in search(query, limit)
        ]

    return {f"Haystack {name}": search_by(s) for name, s in (("sparse", sparse), ("dense", dense), ("hybrid", hybrid))}


def txtai_searches(rows: Sequence[tuple[str, Found]], vectors: Vectors, encoder: Encoder) -> dict[str, Search]:
    """txtai's hybrid search with its defaults; arguments as of `haystack_searches`."""
    from txtai import Embeddings

    texts = _titled(rows)
    known = dict(zip(texts, vectors, strict=True))  # txtai asks for the vectors of the texts that it is given

    def transform(asked: Sequence[str]) -> Any:
        return np.stack([known[text] if text in known else encoder.encode_questions([text])[0] for text in asked])

    embeddings = Embeddings(method="external", transform=transform, hybrid=True, content=True)
    embeddings.index((number, text, None) for number, text in enumerate(texts))

    def hybrid(query: Query, limit: int) -> list[Found]:
        statement = "SELECT id FROM txtai WHERE similar(:question)"
        found = embeddings.search(statement, limit, parameters={"question": query.text})
        return [rows[int(row["id"])][1] for row in found]

    return {"txtai hybrid": hybrid}


def _rows(collection: Collection) -> tuple[list[tuple[str, Found]], Vectors]:
    """All passages with their titles, and their embeddings (passages, dimension)."""
    with collection.reading() as reading:
        numbers, vectors = reading.all_embeddings()
        rows = []
        for begin in range(0, len(numbers), AMONG):
            wanted = numbers[begin : begin + AMONG].tolist()
            found = reading.passages(wanted)
            rows += [(p.document.title, Found(p.document.id, p.id, p.text)) for p in map(found.__getitem__, wanted)]
    return rows, vectors


def _titled(rows: Sequence[tuple[str, Found]]) -> list[str]:
    return join_titles([found.text for _, found in rows], [title for title, _ in rows], "\n")
