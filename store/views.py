"""The two views of a collection, and how they follow its change log.

Anyone who opens a collection has a dense view of its own, from the newest snapshot and what came after it. The sparse
view lies on disk and is shared by all processes; whoever holds the writers' lock may bring it up to date, so a writer
that died leaves nothing undone.
"""

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from sqlite3 import Connection

import numpy as np

from store import log, snapshot, vectors
from store.database import Database
from store.dense import DenseView, Recent
from store.errors import Conflict, Unavailable
from store.nearest import (
    CHOICES,
    EXACT,
    TRAINING_PASSAGES,
    Nearest,
    Numbers,
    Vectors,
    choose,
)
from store.options import Options
from store.sparse import DEFAULT_LANGUAGE, SparseIndex, SparseView
from store.writer_lock import WriterLock

SNAPSHOT_EVERY = 10_000  # changes; so many passages are compared one by one in a few milliseconds
WORTH_A_SNAPSHOT = 1_000  # changes, when a large collection is closed
MOST_DEAD = 0.2  # of an index, before it is made anew
FOLLOWED_WITHIN_S = 1.0  # how long a search waits for another process to finish its change of the sparse view
_TITLE = "(SELECT title FROM documents d WHERE d.number = p.document)"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncoderIdentity:
    """Which encoder made a collection's embeddings: vectors of two encoders cannot be compared."""

    checksum: str
    dimension: int


class Views:
    """The dense and the sparse view of one collection, as this process sees them."""

    def __init__(
        self, folder: Path, database: Database, writers: WriterLock, encoder: EncoderIdentity, options: Options
    ) -> None:
        self._snapshot = folder / "dense.snapshot"
        self._sparse_folder = folder / "sparse"
        self._database = database
        self._writers = writers
        self._encoder = encoder
        self.options = options
        self._changing = threading.RLock()
        self._loaded: tuple[int, int] | None = None
        self.rebuilding = False
        with database.reading() as connection:
            self._open(connection)

    @property
    def changes(self) -> tuple[int, int]:
        """The last change that each view has seen."""
        return self._dense.change, self._sparse.view.change

    def at(self, connection: Connection) -> tuple[DenseView, SparseView] | None:
        """Both views as of a read transaction; None where they have moved on, and the caller has to begin another.

        While another process is about to bring the sparse view up to date, the one before it is the newest there is.
        """
        now = log.generation(connection)
        self._follow(connection, now)
        dense, sparse = self._dense, self._sparse.view
        return (dense, sparse) if dense.change == now >= sparse.change else None

    def save(self, closing: bool = False) -> None:
        """Leave a snapshot of the dense view where one is due, no other process is writing and there is room for it."""
        with self._changing:
            if not self._due(closing):
                return
            try:
                with self._writers.held(timeout=0), self._database.reading() as connection:
                    self._follow_dense(connection, log.generation(connection))
                    self._dense = self._folded(connection)
                    snapshot.save(self._dense, self._snapshot, self._encoder.checksum, self.options.index)
                    self._saved = self._dense.change
                    seen = min(self.changes)
                with self._writers.held(timeout=0), self._database.writing() as connection:
                    log.compact(connection, seen - SNAPSHOT_EVERY)
            except Conflict:
                return  # the writer will leave its own
            except (OSError, Unavailable) as error:  # such as a full disk; later changes make it due again
                _log.warning("%s cannot be written: %s", self._snapshot, error)

    def _open(self, connection: Connection) -> None:
        now = log.generation(connection)
        loaded = self._load()
        if loaded is not None and self._is_ahead(loaded.change):
            self._snapshot.unlink()
            loaded = None
        self._dense = loaded or self._built(connection, now)
        self._saved = loaded.change if loaded else 0
        sparse = self._whole_sparse()
        if sparse is None:
            with self._writers.held():
                sparse = self._whole_sparse() or self._empty_sparse()
        if self._is_ahead(sparse.view.change):
            with self._writers.held():
                sparse = self._empty_sparse()
        self._sparse = sparse
        self._follow(connection, now)
        self.save()

    def _is_ahead(self, change: int) -> bool:
        """Whether a view has seen more than there is: the database was restored from a backup.

        Asked anew, since others may write while this process opens the collection.
        """
        with self._database.reading() as connection:
            return change > log.generation(connection)

    def _whole_sparse(self) -> SparseIndex | None:
        """The sparse view on disk; None where there is none, or it is damaged, of another language or being changed."""
        try:
            return SparseIndex.at(self._sparse_folder, self.options.language) if self._sparse_folder.is_dir() else None
        except (OSError, ValueError):
            return None

    def _follow(self, connection: Connection, now: int) -> None:
        """Bring both views up to a change; where another holds the writers' lock, it is doing that right now.

        It is waited for without `_changing`, which it needs if it is a thread of this process.
        """
        give_up = time.monotonic() + FOLLOWED_WITHIN_S
        while min(self.changes) < now:
            with self._changing:
                if self._dense.change < now:
                    self._follow_dense(connection, now)
                if self._sparse.view.change >= now or self._sparse_on_disk() >= now:
                    return
                with suppress(Conflict), self._writers.held(timeout=0):
                    self._follow_sparse()
                    continue
            if time.monotonic() > give_up:
                return
            time.sleep(0.005)

    # The dense view

    def _follow_dense(self, connection: Connection, now: int) -> None:
        view = self._dense
        if not view.change or len(view.recent) >= SNAPSHOT_EVERY or not log.reaches(connection, view.change):
            newer = self._load()
            if newer is not None and view.change < newer.change <= now:
                view, self._saved = newer, newer.change
        if not log.reaches(connection, view.change):
            self._dense = self._built(connection, now)
            return
        added = _joined(vectors.added(connection, view.change), self._encoder.dimension)
        removed = np.array(log.removed(connection, view.change), dtype=np.int64)
        self._dense = view.following(Recent(*added), removed, now)

    def _due(self, closing: bool) -> bool:
        moved = self._dense.change - self._saved
        if closing and len(self._dense) <= CHOICES[0][0]:
            return moved > 0
        return moved >= (WORTH_A_SNAPSHOT if closing else SNAPSHOT_EVERY)

    def _folded(self, connection: Connection) -> DenseView:
        """The dense view with its recent passages in the index; made anew where too many of the index's are dead."""
        view = self._dense
        fits = view.nearest.serves(choose(self.options.index, len(view)), len(view))
        if not fits or view.dead > MOST_DEAD * len(view.nearest):
            return self._built(connection, view.change)
        if not len(view.recent):
            return view
        nearest = view.nearest.extended(view.recent.numbers, view.recent.vectors)
        alive = np.concatenate((view.alive, np.ones(len(view.recent), np.bool_)))
        return DenseView.of(view.dimension, view.change, nearest, alive)

    def _built(self, connection: Connection, now: int) -> DenseView:
        """A dense view of all passages, from the database."""
        dimension = self._encoder.dimension
        count = vectors.count(connection)
        with self._as_rebuilding():
            # Numbers are given in the order of writing: a sample at equal distances has a share of every document.
            step = max(count // TRAINING_PASSAGES, 1)
            factory = choose(self.options.index, count)
            _, sample = _joined(iter(()) if factory == EXACT else vectors.added(connection, 0, step), dimension)
            nearest = Nearest.build(factory, dimension, sample, vectors.added(connection, 0))
        return DenseView.of(dimension, now, nearest)

    def _load(self) -> DenseView | None:
        """The view of the snapshot; None where that is the one looked at before, or of no use."""
        try:
            found = self._snapshot.stat()
        except FileNotFoundError:
            return None
        if self._loaded == (found.st_ino, found.st_mtime_ns):
            return None
        self._loaded = (found.st_ino, found.st_mtime_ns)
        return snapshot.load(self._snapshot, self._encoder.dimension, self._encoder.checksum, self.options.index)

    def _sparse_on_disk(self) -> int:
        """The last change that the sparse view on disk has seen; 0 where it is being made anew, or could not be."""
        try:
            return self._sparse.reload().change
        except ValueError:
            return 0

    # The sparse view; all of this under the writers' lock

    def _follow_sparse(self) -> None:
        with self._database.reading() as connection:  # begun under the lock, so that no other has seen later changes
            now = log.generation(connection)
            self._take_up_language(connection)
            same = self._sparse.language == self.options.language
            since = self._sparse_on_disk()  # another may have brought the view up to date before we had the lock
            if same and since == now:
                return
            with self._needing_room():
                try:
                    whole = same and since < now and log.reaches(connection, since)
                    if whole:
                        self._apply_sparse(connection, since, now)
                except ValueError:  # a writer that was killed has left files behind that are in the way
                    whole = False
                if not whole:
                    with self._as_rebuilding():
                        self._sparse = self._empty_sparse()
                        self._apply_sparse(connection, 0, now)

    def _take_up_language(self, connection: Connection) -> None:
        """Notice that the collection has another language now, and use the index that was made for it, if it was."""
        row = connection.execute("SELECT value FROM settings WHERE key = 'language'").fetchone()
        self.options = replace(self.options, language=row[0] if row else DEFAULT_LANGUAGE)
        if self._sparse.language != self.options.language:
            self._sparse = self._whole_sparse() or self._sparse

    def _apply_sparse(self, connection: Connection, since: int, now: int) -> None:
        rows = connection.execute(*log.added(f"p.number, {_TITLE}, p.text", since))
        self._sparse.apply(rows, log.removed(connection, since), now)

    def _empty_sparse(self) -> SparseIndex:
        """A new view in the place of the one there, which goes all at once: others may still touch its files."""
        gone = self._sparse_folder.with_suffix(".gone")
        with self._needing_room():
            shutil.rmtree(gone, ignore_errors=True)  # of a process that was killed right here
            if self._sparse_folder.is_dir():
                self._sparse_folder.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)
            return SparseIndex.at(self._sparse_folder, self.options.language)

    @contextmanager
    def _needing_room(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"{self._sparse_folder} cannot be written ({error}); free some space on its disk"
            ) from error

    @contextmanager
    def _as_rebuilding(self) -> Iterator[None]:
        self.rebuilding = True
        try:
            yield
        finally:
            self.rebuilding = False


def _joined(rows: Iterator[tuple[Numbers, Vectors]], dimension: int) -> tuple[Numbers, Vectors]:
    chunks = [(np.empty(0, np.int64), np.empty((0, dimension), np.float32)), *rows]
    return np.concatenate([some for some, _ in chunks]), np.concatenate([chunk for _, chunk in chunks])
