"""A collection: one directory with the truth (`lector.db`) and its two views.

Every write is one SQLite transaction that leaves its changes in the log. The views follow the log: this process's own
right after its writes, and before every search whatever other processes have written since. A view that is missing,
damaged or made by another encoder is rebuilt from the database, which holds the embeddings too.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Literal

from store import log
from store.database import Database, needing_disk
from store.errors import Conflict, Duplicate, InvalidInput, LectorError, NotFound
from store.filters import compile_filter
from store.options import Options
from store.reading import CollectionState, Reading, Remembered
from store.records import Document, Embedding, Hit, Meta, NewDocument, Passage
from store.rows import check, insert, to_json
from store.snapshot import sync_folder
from store.views import EncoderIdentity, Views
from store.writer_lock import WriterLock

OnDuplicate = Literal["overwrite", "skip", "fail"]
Readiness = Literal["READY", "CATCHING_UP", "REBUILDING", "UNAVAILABLE", "DAMAGED"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Description:
    """What there is to know about a collection without searching it. One that cannot be opened has no counts."""

    name: str
    state: Readiness
    documents: int = 0
    passages: int = 0
    bytes: int = 0  # of all its files
    generation: int = 0
    encoder: str = ""  # SHA-256 of its network
    dimension: int = 0
    options: Options = field(default_factory=Options)
    reason: str = ""  # why it is damaged or unavailable


class Collection:
    """Documents and passages at rest, found by embedding or by words."""

    def __init__(self, folder: Path, encoder: EncoderIdentity, options: Options | None = None) -> None:
        """Open the collection in `folder`, or make a new one there.

        `options` are those of a new collection, and change those of one that is there already; None leaves them.

        Raises:
            Conflict: the collection was made with another encoder.
            Damaged: the database cannot be read.
            Unavailable: the folder cannot be written.
            InvalidInput: an option breaks a rule of `Options.check`.
        """
        if options is not None:
            options.check(encoder.dimension)
        self.name = folder.name
        self.folder = folder
        self.encoder = encoder
        self._database = Database(folder / "lector.db")
        self._writers = WriterLock(folder)
        self._remembered = Remembered()
        try:
            self._views = Views(folder, self._database, self._writers, encoder, self._settle(options))
        except BaseException:
            self._database.close()
            raise

    # Writing

    def write(self, documents: Sequence[NewDocument], on_duplicate: OnDuplicate = "overwrite") -> int:
        """Add documents, all of them or none, and return how many were written.

        Where an id is there already, the new document replaces the old one, or is skipped, or everything fails. Of
        several with the same id in the batch the last one stays, or the first one where they are skipped.

        Raises:
            InvalidInput: a document breaks a rule of `store.rows.check`.
            Duplicate: an id is there already, and `on_duplicate` is "fail".
            Conflict: another writer has held the collection for too long.
            Unavailable: the disk is full.
        """
        for document in documents:
            check(document, self.encoder.dimension)
        chosen: dict[str, NewDocument] = {}
        for document in documents:
            if on_duplicate == "fail" and document.id in chosen:
                raise Duplicate(f"document {document.id!r} comes twice; nothing of this batch was written")
            if on_duplicate != "skip" or document.id not in chosen:
                chosen[document.id] = document
        with self._writing() as connection:
            if on_duplicate == "overwrite":
                connection.executemany("DELETE FROM documents WHERE id = ?", [(id_,) for id_ in chosen])
            else:
                for id_ in _present(connection, list(chosen)):
                    if on_duplicate == "fail":
                        raise Duplicate(
                            f"document {id_!r} is in collection {self.name!r} already; nothing of this batch was "
                            "written. Skip or overwrite documents that are there, or use another id"
                        )
                    del chosen[id_]
            for document in chosen.values():
                insert(connection, document)
        return len(chosen)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete documents by id and return how many there were; unknown ids are no error."""
        with self._writing() as connection:
            return sum(connection.execute("DELETE FROM documents WHERE id = ?", (id_,)).rowcount for id_ in ids)

    def delete_matching(self, filters: Mapping[str, Any]) -> int:
        """Delete the documents that match a filter and return how many there were.

        Raises:
            InvalidInput: the filter is empty, which would match every document, or breaks a rule.
        """
        condition, values = _some(filters, "delete_all")
        with self._writing() as connection:
            return connection.execute(f"DELETE FROM documents AS d WHERE {condition}", values).rowcount

    def delete_all(self) -> int:
        """Delete every document and every note of a source, and return how many documents there were."""
        with self._writing() as connection:
            connection.execute("DELETE FROM sources")
            return connection.execute("DELETE FROM documents WHERE number > 0").rowcount

    def update_meta(self, filters: Mapping[str, Any], meta: Meta) -> int:
        """Put the keys of `meta` over those of every document that matches a filter, and return how many these are.

        Passages and embeddings stay as they are.

        Raises:
            InvalidInput: the filter is empty or breaks a rule, or `meta` is not JSON.
        """
        condition, values = _some(filters, "a filter such as {'field': 'id', 'operator': '!=', 'value': None}")
        try:
            changes = to_json(meta)
            changes.encode()
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"metadata {meta!r} cannot be stored ({error}); they must be JSON") from error
        with self._writing() as connection:
            query = f"UPDATE documents AS d SET meta = merged(meta, ?) WHERE {condition}"
            count = connection.execute(query, [changes, *values]).rowcount
            if count:
                log.note(connection)
        return count

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

    # Reading; each of these sees the last generation, and `reading` holds on to one

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """The last generation, held for as long as the context lasts.

        Raises:
            NotFound: the collection was deleted or renamed.
        """
        while True:
            with self._database.reading() as connection:
                views = self._views.at(connection)
                if views is not None:
                    yield Reading(self.name, connection, views, self.options, self._remembered)
                    return

    def search_dense(self, embedding: Embedding, limit: int, filters: Mapping[str, Any] | None = None) -> list[Hit]:
        """See `Reading.search_dense`."""
        with self.reading() as reading:
            return reading.search_dense(embedding, limit, filters)

    def search_sparse(self, question: str, limit: int, filters: Mapping[str, Any] | None = None) -> list[Hit]:
        """See `Reading.search_sparse`."""
        with self.reading() as reading:
            return reading.search_sparse(question, limit, filters)

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """See `Reading.passages`."""
        with self.reading() as reading:
            return reading.passages(numbers)

    def embeddings(self, numbers: Sequence[int]) -> dict[int, Embedding]:
        """See `Reading.embeddings`."""
        with self.reading() as reading:
            return reading.embeddings(numbers)

    def document_text(self, id_: str) -> str:
        """See `Reading.document_text`."""
        with self.reading() as reading:
            return reading.document_text(id_)

    def documents(self, filters: Mapping[str, Any] | None = None) -> list[Document]:
        """See `Reading.documents`."""
        with self.reading() as reading:
            return reading.documents(filters)

    def passage_ids(self) -> list[str]:
        """See `Reading.passage_ids`."""
        with self.reading() as reading:
            return reading.passage_ids()

    def source_fingerprint(self, source: str) -> str | None:
        """See `Reading.source_fingerprint`."""
        with self.reading() as reading:
            return reading.source_fingerprint(source)

    def source_names(self) -> list[str]:
        """See `Reading.source_names`."""
        with self.reading() as reading:
            return reading.source_names()

    def fingerprints(self, source: str) -> dict[str, str]:
        """See `Reading.fingerprints`."""
        with self.reading() as reading:
            return reading.fingerprints(source)

    def state(self) -> CollectionState:
        """See `Reading.state`."""
        with self.reading() as reading:
            return reading.state()

    # The collection as a whole

    def describe(self) -> Description:
        """Sizes, encoder, options and whether the views are up to date; waits for nothing."""
        with self._database.reading() as connection:
            now = log.generation(connection)
            documents = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
            passages = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
        behind: Readiness = "READY" if min(self._views.changes) >= now else "CATCHING_UP"
        return Description(
            self.name,
            "REBUILDING" if self._views.rebuilding else behind,
            documents,
            passages,
            folder_bytes(self.folder),
            now,
            self.encoder.checksum,
            self.encoder.dimension,
            self.options,
        )

    def backup(self, path: Path) -> None:
        """Copy one generation into one file, while others read and write. `Catalog.restore` makes a collection of it.

        The file holds everything but the views, which are made again. It appears only when it is whole.

        Raises:
            NotFound: there is no folder to write it to.
            Unavailable: the disk is full, or cannot be read or written.
        """
        if not path.parent.is_dir():
            raise NotFound(f"there is no folder {path.parent} to write {path.name} to; make it first")
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with needing_disk(f"{path} cannot be written now"):
                self._database.backup(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)

    def refresh(self) -> None:
        """Bring the views up to the last change in the database, whoever made it."""
        with self.reading():
            pass

    @property
    def options(self) -> Options:
        """How it is searched: as it was opened, in the language that it was last found to have."""
        return self._views.options

    @property
    def in_place(self) -> bool:
        """Whether this is still the collection of that name: it may have been deleted or renamed meanwhile."""
        return self._database.in_place

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every writer out. Raises as `write` does."""
        self._check_in_place()
        with self._writers.held():
            self._check_in_place()
            yield

    def close(self) -> None:
        """Leave a snapshot of the dense view, where one is due, and close the database."""
        if self.in_place:
            self._views.save(closing=True)
        self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self.alone():
            with self._database.writing() as connection:
                yield connection
            try:
                self.refresh()
                self._views.save()
            except (LectorError, OSError) as error:  # what is written is written; the views will follow later
                _log.warning("the views of collection %s do not follow: %s", self.name, error)

    def _check_in_place(self) -> None:
        if not self.in_place:
            raise NotFound(f"collection {self.name!r} was deleted or renamed while it was open")

    def _settle(self, options: Options | None) -> Options:
        """Check the encoder against that of the collection, and read its options; both are written where it is new."""
        identity = {"encoder": self.encoder.checksum, "dimension": str(self.encoder.dimension)}
        new = {key: str(value) for key, value in asdict(options).items()} if options is not None else {}
        query = "SELECT key, value FROM settings"
        with self._database.reading() as connection:
            stored = dict(connection.execute(query))
        if not stored or any(stored.get(key) != value for key, value in new.items()):
            with self._database.writing() as connection:
                before = dict(connection.execute(query))
                connection.executemany("INSERT OR IGNORE INTO settings VALUES (?, ?)", identity.items())
                stored = identity | before
                if {key: stored[key] for key in identity} == identity:
                    connection.executemany("INSERT OR REPLACE INTO settings VALUES (?, ?)", new.items())
                    stored.update(new)
                    if before and Options.stored(before).language != Options.stored(stored).language:
                        log.note(connection)  # so that others that have it open look at it again
        if {key: stored[key] for key in identity} != identity:
            raise Conflict(
                f"collection {self.name!r} was made with another encoder ({stored['dimension']} dimensions, "
                f"checksum {stored['encoder'][:12]}; now {self.encoder.dimension}, {self.encoder.checksum[:12]}); "
                "use that encoder, or index the documents into a new collection"
            )
        return Options.stored(stored)


def folder_bytes(folder: Path) -> int:
    """Size of all files of a folder and the folders in it; a file that goes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def _present(connection: Connection, ids: Sequence[str]) -> list[str]:
    query = "SELECT 1 FROM documents WHERE id = ?"
    return [id_ for id_ in ids if connection.execute(query, (id_,)).fetchone()]


def _some(filters: Mapping[str, Any], instead: str) -> tuple[str, list[Any]]:
    if not filters:
        raise InvalidInput(f"an empty filter would match every document; give a filter, or use {instead}")
    return compile_filter(filters)
