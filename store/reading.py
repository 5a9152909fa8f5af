"""One generation of a collection, as a reader sees it from the beginning to the end of its work."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

import numpy as np

from store import log
from store.dense import DenseView
from store.errors import NotFound
from store.filters import compile_filter
from store.nearest import Numbers
from store.records import Document, Embedding, Hit, Passage
from store.rows import DOCUMENT, document
from store.sparse import SparseView

FILTERS_REMEMBERED = 16  # each takes eight bytes a passage at most


@dataclass(frozen=True)
class CollectionState:
    """Counts of a collection at one generation, the number of its last change."""

    generation: int
    documents: int
    passages: int


class Remembered:
    """What the last few filters kept, at the generation at which they were asked."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Numbers] = OrderedDict()
        self._changing = threading.Lock()

    def get(self, key: Hashable, find: Callable[[], Numbers]) -> Numbers:
        """The numbers for a key, found again where they were forgotten."""
        with self._changing:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = find()
        with self._changing:
            self._kept[key] = found
            if len(self._kept) > FILTERS_REMEMBERED:
                self._kept.popitem(last=False)
        return found


class Reading:
    """What a collection holds at one generation; later writes do not show in it. Made by `Collection.reading`."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        views: tuple[DenseView, SparseView],
        effort: int,
        remembered: Remembered,
    ) -> None:
        self.name = name
        self.generation = log.generation(connection)
        self._connection = connection
        self._dense, self._sparse = views
        self._effort = effort
        self._remembered = remembered

    def search_dense(self, embedding: Embedding, limit: int, filters: Mapping[str, Any] | None = None) -> list[Hit]:
        """The passages nearest to a question's embedding, best first, among those that match the filter.

        Raises:
            InvalidInput: the embedding has another dimension or is not finite, or the filter breaks a rule.
        """
        return self._dense.search(embedding, limit, self._allowed(filters), self.embeddings, self._effort)

    def search_sparse(self, question: str, limit: int, filters: Mapping[str, Any] | None = None) -> list[Hit]:
        """The passages with the best BM25 scores for a question, best first, among those that match the filter.

        Raises:
            InvalidInput: the filter breaks a rule.
        """
        return self._sparse.search(question, limit, self._allowed(filters))

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """Passages by number; those that are not there are left out."""
        marks = ",".join("?" * len(numbers))
        rows = self._connection.execute(
            f"""SELECT p.number, p.id, p.ordinal, p.start, p."end", p.page, p.text, {DOCUMENT}
                FROM passages p JOIN documents d ON d.number = p.document WHERE p.number IN ({marks})""",
            list(numbers),
        )
        found = {}
        for number, id_, ordinal, start, end, page, text, *row in rows:
            found[number] = Passage(number, id_, document(row), ordinal, start, end, page, text)
        return found

    def embeddings(self, numbers: Sequence[int]) -> dict[int, Embedding]:
        """Stored embeddings by passage number; passages without one are left out."""
        marks = ",".join("?" * len(numbers))
        query = f"SELECT number, embedding FROM passages WHERE number IN ({marks}) AND length(embedding) > 0"
        rows = self._connection.execute(query, list(numbers))
        return {number: np.frombuffer(blob, dtype=np.float32) for number, blob in rows}

    def document_text(self, id_: str) -> str:
        """The text that all offsets of a document count in.

        Raises:
            NotFound: there is no such document.
        """
        row = self._connection.execute("SELECT text FROM documents WHERE id = ?", (id_,)).fetchone()
        if row is None:
            raise NotFound(f"collection {self.name!r} has no document {id_!r}")
        return str(row[0])

    def documents(self, filters: Mapping[str, Any] | None = None) -> list[Document]:
        """Documents that match a filter, in the order in which they were written."""
        condition, values = compile_filter(filters)
        query = f"SELECT {DOCUMENT} FROM documents d WHERE {condition} ORDER BY d.number"
        return [document(row) for row in self._connection.execute(query, values)]

    def whole_documents(
        self, filters: Mapping[str, Any] | None = None
    ) -> list[tuple[Document, str, list[Embedding | None]]]:
        """Documents that match a filter, with their texts and their passages' embeddings, in the order of writing."""
        condition, values = compile_filter(filters)
        query = f"SELECT {DOCUMENT}, d.text FROM documents d WHERE {condition} ORDER BY d.number"
        embeddings = "SELECT embedding FROM passages WHERE document = ? ORDER BY ordinal"
        found = []
        for *row, text in self._connection.execute(query, values).fetchall():
            blobs = [blob for (blob,) in self._connection.execute(embeddings, (row[0],))]
            vectors = [np.frombuffer(blob, dtype=np.float32) if blob else None for blob in blobs]
            found.append((document(row), text, vectors))
        return found

    def count(self, filters: Mapping[str, Any] | None = None) -> int:
        """How many documents match a filter."""
        condition, values = compile_filter(filters)
        return int(
            self._connection.execute(f"SELECT count(*) FROM documents d WHERE {condition}", values).fetchone()[0]
        )

    def state(self) -> CollectionState:
        """Counts of documents and passages."""
        passages = self._connection.execute("SELECT count(*) FROM passages").fetchone()[0]
        return CollectionState(self.generation, self.count(), int(passages))

    def sources(self) -> dict[str, str]:
        """Sources indexed to their end, with their fingerprints."""
        return dict(self._connection.execute("SELECT source, fingerprint FROM sources"))

    def fingerprints(self, source: str) -> dict[str, str]:
        """Fingerprints of a source's documents, by id."""
        query = "SELECT id, fingerprint FROM documents WHERE source = ?"
        return dict(self._connection.execute(query, (source,)))

    def _allowed(self, filters: Mapping[str, Any] | None) -> Numbers | None:
        if not filters:
            return None
        condition, values = compile_filter(filters)

        def find() -> Numbers:
            query = f"SELECT p.number FROM passages p JOIN documents d ON d.number = p.document WHERE {condition}"
            rows = self._connection.execute(query, values)
            return np.sort(np.fromiter((row[0] for row in rows), dtype=np.int64))

        return self._remembered.get((self.generation, condition, *((type(v), v) for v in values)), find)
