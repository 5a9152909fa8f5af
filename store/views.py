"""The two views of a collection, and how they follow its change log.

Anyone who opens a collection keeps a dense view in memory. The sparse view lies on disk and is shared by all processes;
whoever holds the writers' lock may bring it up to date, so a writer that died leaves nothing undone.
"""

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

import numpy as np
from filelock import FileLock, Timeout

from store.database import Database
from store.dense import DenseView
from store.records import Embedding, Hit
from store.sparse import SparseView

SNAPSHOT_EVERY = 20_000  # changes; fewer than these are caught up with in a moment
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class EncoderIdentity:
    """Which encoder made a collection's embeddings: vectors of two encoders cannot be compared."""

    checksum: str
    dimension: int


class Views:
    """The dense and the sparse view of one collection, as this process sees them."""

    def __init__(self, folder: Path, database: Database, writers: FileLock, encoder: EncoderIdentity) -> None:
        self._snapshot = folder / "dense.snapshot"
        self._sparse_folder = folder / "sparse"
        self._database = database
        self._writers = writers
        self._encoder = encoder
        self._changing = threading.RLock()
        self._dense = DenseView.load(self._snapshot, encoder.dimension, encoder.checksum) or self._empty_dense()
        self._saved = self._dense.change
        self._sparse = self._open_sparse()

    def search_dense(self, embedding: Embedding, limit: int, among: Sequence[int] | None) -> list[Hit]:
        self.refresh()
        return self._dense.search(embedding, limit, among)

    def search_sparse(self, question: str, limit: int, among: Sequence[int] | None) -> list[Hit]:
        self.refresh()
        return self._sparse.search(question, limit, among)

    def refresh(self) -> None:
        """Bring both views up to the last change in the database, whoever made it."""
        now = generation(self._database.connection)
        if self._dense.change == now == self._sparse.change:
            return
        with self._changing:
            if self._dense.change != now:
                self._follow_dense()
            if self._sparse.change != now:
                self._sparse.reload()
            if self._sparse.change != now:
                self._follow_sparse()
            if self._dense.change - self._saved >= SNAPSHOT_EVERY:
                self.save()

    def save(self) -> None:
        """Leave a snapshot of the dense view, unless nothing has changed or another process is writing."""
        with self._changing:
            if self._dense.change == self._saved:
                return
            try:
                lock = self._writers.acquire(timeout=0)
            except Timeout:
                return  # the writer will leave its own
            with lock:
                self._dense.save(self._snapshot)
                self._saved = self._dense.change

    def _follow_dense(self) -> None:
        with self._database.reading() as connection:
            now = generation(connection)
            if self._dense.change > now:  # the database is older than the view: it was restored from a backup
                self._dense = self._empty_dense()
            since = self._dense.change
            rows = connection.execute(*_added("p.number, p.embedding", since))
            while chunk := rows.fetchmany(_ROWS_AT_ONCE):
                numbers = np.array([number for number, _ in chunk], dtype=np.int64)
                vectors = np.frombuffer(b"".join(blob for _, blob in chunk), dtype=np.float32)
                self._dense.add(numbers, vectors.reshape(len(chunk), -1))
            self._dense.remove(np.array(_removed(connection, since), dtype=np.int64))
            self._dense.change = now

    def _follow_sparse(self) -> None:
        try:
            lock = self._writers.acquire(timeout=0)
        except Timeout:
            return  # the process that holds the lock is bringing this view up to date right now
        with lock, self._database.reading() as connection:
            self._sparse.reload()  # the process that held the lock until now may have brought the view up to date
            now = generation(connection)
            if self._sparse.change == now:
                return
            try:
                whole = self._sparse.change < now
                if whole:
                    self._apply_sparse(connection, now)
            except ValueError:  # a writer that was killed has left files behind that are in the way
                whole = False
            if not whole:
                self._sparse = self._empty_sparse()
                self._apply_sparse(connection, now)

    def _apply_sparse(self, connection: Connection, now: int) -> None:
        since = self._sparse.change
        rows = connection.execute(*_added("p.number, d.title, p.text", since))
        self._sparse.apply(rows, _removed(connection, since), now)

    def _open_sparse(self) -> SparseView:
        try:
            return SparseView.at(self._sparse_folder)
        except ValueError:  # damaged, or of another schema: the database has all it takes to make it anew
            with self._writers:
                return self._empty_sparse()

    def _empty_sparse(self) -> SparseView:
        shutil.rmtree(self._sparse_folder, ignore_errors=True)
        return SparseView.at(self._sparse_folder)

    def _empty_dense(self) -> DenseView:
        return DenseView(self._encoder.dimension, self._encoder.checksum)


def generation(connection: Connection) -> int:
    """The number of a collection's last change."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
    return int(row[0]) if row else 0


def _added(columns: str, since: int) -> tuple[str, tuple[int, ...]]:
    query = f"SELECT {columns} FROM passages p JOIN documents d ON d.number = p.document"
    if not since:
        return query, ()
    return f"{query} WHERE p.number IN (SELECT passage FROM changes WHERE number > ? AND added)", (since,)


def _removed(connection: Connection, since: int) -> list[int]:
    if not since:
        return []
    query = "SELECT passage FROM changes WHERE number > ? AND NOT added"
    return [row[0] for row in connection.execute(query, (since,))]
