"""A collection: one directory with the truth (`lector.db`) and its two views.

Every write is one SQLite transaction that leaves its changes in the log. The views follow the log: this process's own
right after its writes, and before every search whatever other processes have written since. A view that is missing,
damaged or made by another encoder is rebuilt from the database, which holds the embeddings too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from store.database import Database
from store.errors import Conflict, InvalidInput, NotFound
from store.filters import compile_filter
from store.records import Document, Embedding, Hit, Meta, NewDocument, Passage
from store.views import EncoderIdentity, Views, generation

WRITER_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class CollectionState:
    """Counts of a collection at one generation, the number of its last change."""

    generation: int
    documents: int
    passages: int


class Collection:
    """Documents and passages at rest, found by embedding or by words."""

    def __init__(self, folder: Path, encoder: EncoderIdentity) -> None:
        """Open the collection in `folder`, or make a new one there.

        Raises:
            Conflict: the collection was made with another encoder.
            Damaged: the database cannot be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.name = folder.name
        self.folder = folder
        self.encoder = encoder
        self._database = Database(folder / "lector.db")
        self._writers = FileLock(folder / "writer.lock", timeout=WRITER_TIMEOUT_S, thread_local=False)
        self._state: CollectionState | None = None
        try:
            self._check_encoder()
        except BaseException:
            self._database.close()
            raise
        self._views = Views(folder, self._database, self._writers, encoder)
        self._views.refresh()

    # Writing

    def write(self, documents: Sequence[NewDocument]) -> None:
        """Add documents, replacing those whose ids are there already: all of them or none.

        Of several with the same id the last one stays.

        Raises:
            InvalidInput: a passage lies outside its document's text, an embedding has another dimension, or metadata
                are not JSON.
            Conflict: another process has been writing for too long.
        """
        for document in documents:
            self._check(document)
        last = {document.id: document for document in documents}
        with self._writing() as connection:
            connection.executemany("DELETE FROM documents WHERE id = ?", [(id_,) for id_ in last])
            for document in last.values():
                _insert(connection, document)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete documents by id and return how many there were; unknown ids are no error."""
        with self._writing() as connection:
            return sum(connection.execute("DELETE FROM documents WHERE id = ?", (id_,)).rowcount for id_ in ids)

    def finish_source(self, source: str, fingerprint: str, ids: Sequence[str]) -> int:
        """Note that a source is indexed to its end, and delete its documents other than `ids`; returns their number."""
        with self._writing() as connection:
            stored = {row[0] for row in connection.execute("SELECT id FROM documents WHERE source = ?", (source,))}
            gone = stored - set(ids)
            connection.executemany("DELETE FROM documents WHERE id = ?", [(i,) for i in gone])
            connection.execute("INSERT OR REPLACE INTO sources VALUES (?, ?)", (source, fingerprint))
        return len(gone)

    def delete_source(self, source: str) -> int:
        """Delete a source and all its documents, and return how many these were."""
        with self._writing() as connection:
            connection.execute("DELETE FROM sources WHERE source = ?", (source,))
            return connection.execute("DELETE FROM documents WHERE source = ?", (source,)).rowcount

    # Reading

    def sources(self) -> dict[str, str]:
        """Sources indexed to their end, with their fingerprints."""
        return dict(self._database.connection.execute("SELECT source, fingerprint FROM sources"))

    def fingerprints(self, source: str) -> dict[str, str]:
        """Fingerprints of a source's documents, by id."""
        query = "SELECT id, fingerprint FROM documents WHERE source = ?"
        return dict(self._database.connection.execute(query, (source,)))

    def state(self) -> CollectionState:
        """Counts at the last change; counted once a generation."""
        with self._database.reading() as connection:
            now = generation(connection)
            if self._state is None or self._state.generation != now:
                documents = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
                passages = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
                self._state = CollectionState(now, documents, passages)
            return self._state

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """Passages by number; those that have been deleted meanwhile are left out."""
        marks = ",".join("?" * len(numbers))
        rows = self._database.connection.execute(
            f"""SELECT p.number, p.id, p.ordinal, p.start, p."end", p.page, p.text,
                       d.number, d.id, d.title, d.source, d.meta, d.content_hash
                FROM passages p JOIN documents d ON d.number = p.document WHERE p.number IN ({marks})""",
            list(numbers),
        )
        found = {}
        for number, id_, ordinal, start, end, page, text, *document in rows:
            found[number] = Passage(number, id_, _document(document), ordinal, start, end, page, text)
        return found

    def document_text(self, id_: str) -> str:
        """The text that all offsets of a document count in.

        Raises:
            NotFound: there is no such document.
        """
        row = self._database.connection.execute("SELECT text FROM documents WHERE id = ?", (id_,)).fetchone()
        if row is None:
            raise NotFound(f"collection {self.name!r} has no document {id_!r}")
        return str(row[0])

    def documents(self, filters: Mapping[str, Any] | None = None) -> list[Document]:
        """Documents that match a filter, in the order in which they were written."""
        condition, values = compile_filter(filters)
        columns = "d.number, d.id, d.title, d.source, d.meta, d.content_hash"
        query = f"SELECT {columns} FROM documents d WHERE {condition} ORDER BY d.number"
        return [_document(row) for row in self._database.connection.execute(query, values)]

    def embeddings(self, numbers: Sequence[int]) -> dict[int, Embedding]:
        """Stored embeddings by passage number."""
        marks = ",".join("?" * len(numbers))
        query = f"SELECT number, embedding FROM passages WHERE number IN ({marks})"
        rows = self._database.connection.execute(query, list(numbers))
        return {number: np.frombuffer(blob, dtype=np.float32) for number, blob in rows}

    def search_dense(self, embedding: Embedding, limit: int, filters: Mapping[str, Any] | None = None) -> list[Hit]:
        """The passages nearest to a question's embedding, best first, among those that match the filter."""
        return self._views.search_dense(embedding, limit, self._allowed(filters))

    def search_sparse(self, question: str, limit: int, filters: Mapping[str, Any] | None = None) -> list[Hit]:
        """The passages with the best BM25 scores for a question, best first, among those that match the filter."""
        return self._views.search_sparse(question, limit, self._allowed(filters))

    def refresh(self) -> None:
        """Bring the views up to the last change in the database, whoever made it."""
        self._views.refresh()

    def close(self) -> None:
        """Leave a snapshot of the dense view, where one is due, and close the database."""
        self._views.save()
        self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            lock = self._writers.acquire()
        except Timeout as error:
            raise Conflict(
                f"another process has been writing to collection {self.name!r} for over {WRITER_TIMEOUT_S:.0f} s; "
                "try again when it has finished"
            ) from error
        with lock:
            with self._database.writing() as connection:
                yield connection
            self._views.refresh()

    def _check_encoder(self) -> None:
        wanted = {"encoder": self.encoder.checksum, "dimension": str(self.encoder.dimension)}
        query = "SELECT key, value FROM settings WHERE key IN ('encoder', 'dimension')"
        stored = dict(self._database.connection.execute(query))
        if not stored:
            with self._database.writing() as connection:
                connection.executemany("INSERT OR IGNORE INTO settings VALUES (?, ?)", wanted.items())
                stored = dict(connection.execute(query))
        if stored != wanted:
            raise Conflict(
                f"collection {self.name!r} was made with another encoder ({stored['dimension']} dimensions, "
                f"checksum {stored['encoder'][:12]}; now {self.encoder.dimension}, {self.encoder.checksum[:12]}); "
                "use that encoder, or index the documents into a new collection"
            )

    def _check(self, document: NewDocument) -> None:
        try:
            "".join((document.id, document.title, document.source, document.text, _json(document.meta))).encode()
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"document {document.id!r} cannot be stored ({error}); its metadata must be JSON, its texts Unicode"
            ) from error
        for passage in document.passages:
            if not 0 <= passage.start < passage.end <= len(document.text):
                raise InvalidInput(
                    f"document {document.id!r} has {len(document.text)} characters; passage [{passage.start}, "
                    f"{passage.end}) does not lie in it"
                )
            if passage.embedding.shape != (self.encoder.dimension,):
                raise InvalidInput(
                    f"document {document.id!r} has an embedding of shape {passage.embedding.shape}; this collection "
                    f"takes ({self.encoder.dimension},)"
                )

    def _allowed(self, filters: Mapping[str, Any] | None) -> list[int] | None:
        if not filters:
            return None
        condition, values = compile_filter(filters)
        query = f"SELECT p.number FROM passages p JOIN documents d ON d.number = p.document WHERE {condition}"
        return [row[0] for row in self._database.connection.execute(query, values)]


def content_hash(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


def _insert(connection: Connection, document: NewDocument) -> None:
    number = connection.execute(
        "INSERT INTO documents (id, title, source, text, meta, content_hash, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            document.id,
            document.title,
            document.source,
            document.text,
            _json(document.meta),
            content_hash(document.text),
            document.fingerprint,
        ),
    ).lastrowid
    connection.executemany(
        """INSERT INTO passages (id, document, ordinal, start, "end", page, text, embedding)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (
                f"{document.id}:{ordinal}",
                number,
                ordinal,
                passage.start,
                passage.end,
                passage.page,
                document.text[passage.start : passage.end],
                passage.embedding.astype(np.float32).tobytes(),
            )
            for ordinal, passage in enumerate(document.passages)
        ],
    )
    if not document.passages:  # no passage, no change: the log would not know of this document
        connection.execute("INSERT INTO changes (passage, added) VALUES (0, 0)")


def _json(meta: Meta) -> str:
    return json.dumps(dict(meta), ensure_ascii=False, allow_nan=False)


def _document(row: Sequence[Any]) -> Document:
    number, id_, title, source, meta, hash_ = row
    return Document(number, id_, title, source, json.loads(meta), hash_)
