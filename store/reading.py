"""One generation of a collection, as a reader sees it from the beginning to the end of its work."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

import numpy as np

from store import log, vectors
from store.dense import DenseView
from store.errors import NotFound
from store.filters import compile_filter
from store.nearest import Numbers, Vectors
from store.options import Options
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
    """What the last few filters kept, and the generation at which they were asked; and the newest state."""

    def __init__(self) -> None:
        self.state: CollectionState | None = None
        self._kept: OrderedDict[Hashable, tuple[int, Numbers]] = OrderedDict()
        self._changing = threading.Lock()

    def get(self, key: Hashable) -> tuple[int, Numbers] | None:
        with self._changing:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, generation: int, numbers: Numbers) -> None:
        with self._changing:
            self._kept[key] = generation, numbers
            if len(self._kept) > FILTERS_REMEMBERED:
                self._kept.popitem(last=False)


class Reading:
    """What a collection holds at one generation; later writes do not show in it. Made by `Collection.reading`."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        views: tuple[DenseView, SparseView],
        options: Options,
        remembered: Remembered,
    ) -> None:
        self.name = name
        self.generation = log.generation(connection)
        self._connection = connection
        self._dense, self._sparse = views
        self.options = options
        self._remembered = remembered

    @property
    def up_to_date(self) -> bool:
        """Whether words are searched as of this generation too; not so while another process writes their index."""
        return self._sparse.change == self.generation

    def search_dense(self, embedding: Embedding, limit: int, filters: Mapping[str, Any] | None = None) -> list[Hit]:
        """The passages nearest to a question's embedding, best first, among those that match the filter.

        Raises:
            InvalidInput: the embedding has another dimension or is not finite, or the filter breaks a rule.
        """
        return self._dense.search(embedding, limit, self._allowed(filters), self.embeddings, self.options.effort)

    def search_sparse(
        self,
        question: str,
        limit: int,
        filters: Mapping[str, Any] | None = None,
        title_weight: float | None = None,
    ) -> list[Hit]:
        """The passages with the best BM25 scores for a question, best first, among those that match the filter.

        A word in a title counts `title_weight` times; None: as the collection's options say.

        Raises:
            InvalidInput: the filter breaks a rule.
        """
        weight = self.options.title_weight if title_weight is None else title_weight
        return self._sparse.search(question, limit, self._allowed(filters), weight)

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

    def all_embeddings(self) -> tuple[Numbers, Vectors]:
        """Numbers (n,), rising, and embeddings (n, dimension) at unit length of all passages that have one."""
        return vectors.everything(self._connection, self._dense.dimension)

    def document_text(self, id_: str) -> str:
        """The text that all offsets of a document count in.

        Raises:
            NotFound: there is no such document.
        """
        row = self._connection.execute("SELECT text FROM documents WHERE id = ?", (id_,)).fetchone()
        if row is None:
            raise NotFound(f"collection {self.name!r} has no document {id_!r}")
        return str(row[0])

    def document(self, id_: str) -> Document:
        """The document of that id.

        Raises:
            NotFound: there is none.
        """
        row = self._connection.execute(f"SELECT {DOCUMENT} FROM documents d WHERE d.id = ?", (id_,)).fetchone()
        if row is None:
            raise NotFound(f"collection {self.name!r} has no document {id_!r}")
        return document(row)

    def documents(self, filters: Mapping[str, Any] | None = None) -> list[Document]:
        """Documents that match a filter, in the order in which they were written."""
        condition, values = compile_filter(filters)
        query = f"SELECT {DOCUMENT} FROM documents d WHERE {condition} ORDER BY d.number"
        return [document(row) for row in self._connection.execute(query, values)]

    def passage_ids(self) -> list[str]:
        """Ids of all passages."""
        return [id_ for (id_,) in self._connection.execute("SELECT id FROM passages ORDER BY number")]

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
        """Counts of documents and passages; counted once a generation."""
        known = self._remembered.state
        if known is None or known.generation != self.generation:
            passages = self._connection.execute("SELECT count(*) FROM passages").fetchone()[0]
            known = self._remembered.state = CollectionState(self.generation, self.count(), int(passages))
        return known

    def source_fingerprint(self, source: str) -> str | None:
        """The fingerprint with which a source was indexed to its end; None where it was not."""
        row = self._connection.execute("SELECT fingerprint FROM sources WHERE source = ?", (source,)).fetchone()
        return row and str(row[0])

    def source_names(self) -> list[str]:
        """Sources of documents, and those indexed to their end, without or with documents."""
        query = "SELECT source FROM sources UNION SELECT source FROM documents"
        return [source for (source,) in self._connection.execute(query)]

    def fingerprints(self, source: str) -> dict[str, str]:
        """Fingerprints of a source's documents, by id."""
        query = "SELECT id, fingerprint FROM documents WHERE source = ?"
        return dict(self._connection.execute(query, (source,)))

    def _allowed(self, filters: Mapping[str, Any] | None) -> Numbers | None:
        """Numbers of the passages that match a filter, rising."""
        if not filters:
            return None
        condition, values = compile_filter(filters, "p.document")
        key = condition, *((type(v), v) for v in values)
        since, numbers = self._remembered.get(key) or (0, np.empty(0, np.int64))
        if since == self.generation:
            return numbers
        if since > self.generation or not log.only_passages(self._connection, since):
            since, numbers = 0, np.empty(0, np.int64)
        # As one text: a row for each of a million numbers would take five times as long.
        query, bounds = log.matching("group_concat(p.number)", since, condition)
        (listed,) = self._connection.execute(query, (*values, *bounds)).fetchone()
        later = np.sort(np.fromstring(listed or "", dtype=np.int64, sep=","))  # higher than all that came before
        kept = numbers[~np.isin(numbers, log.removed(self._connection, since))]
        numbers = np.concatenate((kept, later))
        self._remembered.put(key, self.generation, numbers)
        return numbers
