"""Document stores of others, used as their documentation shows, with vectors and texts that are given.

Where a store searches one text only, a passage's title stands before its text.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "false")  # haystack reads it when it is imported

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.corpus import Passage
from benchmarks.scale.subjects import TOP, Filter, Mode


class InMemorySubject:
    """Haystack's `InMemoryDocumentStore`, which keeps its documents in one JSON file."""

    def __init__(self, folder: Path, dimension: int) -> None:  # noqa: ARG002
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        self._path = folder / "documents.json"
        self._store = InMemoryDocumentStore(return_embedding=False)

    def build(self, blocks: Iterable[list[Passage]]) -> None:
        for block in blocks:
            self._store.write_documents([_as_haystack(passage) for passage in block])

    def save(self) -> None:
        self._path.parent.mkdir(parents=True)
        self._store.save_to_disk(str(self._path))

    def open(self) -> None:
        self._store = self._store.load_from_disk(str(self._path))

    def search(self, mode: Mode, question: str, vector: NDArray[np.float32], restriction: Filter | None) -> list[int]:
        filters = restriction.as_haystack() if restriction else None
        if mode == "dense":
            found = self._store.embedding_retrieval(vector.tolist(), filters, TOP)
        else:
            found = self._store.bm25_retrieval(question, filters, TOP)
        return [int(document.id) for document in found]


class FaissSubject:
    """`FAISSDocumentStore` of faiss-haystack: a FAISS index, and all documents in one JSON file."""

    def __init__(self, folder: Path, dimension: int) -> None:
        from haystack_integrations.document_stores.faiss import FAISSDocumentStore

        self._path = folder / "index"
        self._store = FAISSDocumentStore(embedding_dim=dimension)

    def build(self, blocks: Iterable[list[Passage]]) -> None:
        for block in blocks:
            self._store.write_documents([_as_haystack(passage) for passage in block])

    def save(self) -> None:
        self._path.parent.mkdir(parents=True)
        self._store.save(self._path)

    def open(self) -> None:
        self._store.load(self._path)

    def search(self, mode: Mode, question: str, vector: NDArray[np.float32], restriction: Filter | None) -> list[int]:  # noqa: ARG002
        found = self._store.search(vector.tolist(), TOP, restriction.as_haystack() if restriction else None)
        return [int(document.id) for document in found]


class TxtaiSubject:
    """txtai's `Embeddings`: FAISS, BM25 and content, with its defaults."""

    def __init__(self, folder: Path, dimension: int) -> None:  # noqa: ARG002
        from txtai import Embeddings

        self._folder = folder
        self._known: dict[str, NDArray[np.float32]] = {}  # by text: txtai asks for the vectors of what it is given
        self._transform = lambda texts: np.stack([self._known[text] for text in texts])  # it takes plain functions only
        self._embeddings = Embeddings(method="external", transform=self._transform, hybrid=True, content=True)

    def build(self, blocks: Iterable[list[Passage]]) -> None:
        # In one go: txtai lays its index out for the number of passages that it is given at first.
        self._embeddings.index(chain.from_iterable(self._rows(block) for block in blocks))

    def save(self) -> None:
        self._embeddings.save(str(self._folder))

    def open(self) -> None:
        self._embeddings.load(str(self._folder), config={"transform": self._transform})

    def search(self, mode: Mode, question: str, vector: NDArray[np.float32], restriction: Filter | None) -> list[int]:
        self._known = {question: vector}
        query = "SELECT id, text, score FROM txtai WHERE similar(:question)"
        if restriction:
            query += f" AND {restriction.as_sql()}"
        with self._only(mode):
            found = self._embeddings.search(query, TOP, parameters={"question": question})
        return [int(row["id"]) for row in found]

    def _rows(self, block: Sequence[Passage]) -> Iterator[tuple[str, dict[str, Any], None]]:
        for passage in block:
            text = _titled(passage)
            self._known[text] = passage.vector
            yield passage.id, {"text": text, **passage.meta}, None

    @contextmanager
    def _only(self, mode: Mode) -> Iterator[None]:
        """Search one of the two indexes: weights of 0 and 1 would still search both."""
        index, scoring = self._embeddings.ann, self._embeddings.scoring
        if mode == "sparse":
            self._embeddings.ann = None
        elif mode == "dense":
            self._embeddings.scoring = None
        try:
            yield
        finally:
            self._embeddings.ann, self._embeddings.scoring = index, scoring


def _titled(passage: Passage) -> str:
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


def _as_haystack(passage: Passage) -> Any:
    from haystack import Document

    return Document(id=passage.id, content=_titled(passage), meta=dict(passage.meta), embedding=passage.vector.tolist())
