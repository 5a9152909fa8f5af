"""SQLite, opened the way a collection needs it: a pool of connections, WAL, foreign keys, explicit transactions."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from store.attributes import attributes_of, dated, instant
from store.errors import Damaged, NotFound, Unavailable
from store.schema import migrate

BUSY_TIMEOUT_S = 30.0
# Errors that tell of the disk, such as a full one, or of other processes, and not of what is stored.
_PASSING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN)


@contextmanager
def needing_disk(what: str) -> Iterator[None]:
    """Say what cannot be done where SQLite fails for a passing reason.

    Raises:
        Unavailable: the disk is full, or cannot be read or written.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        if _code(error) in _PASSING:
            raise Unavailable(
                f"{what} ({error}); see whether its disk is full, or who may read and write there, and try it again"
            ) from error
        raise


class Database:
    """The database file of one collection. A connection serves one transaction at a time, in whichever thread."""

    def __init__(self, path: Path) -> None:
        """Open the database, or make an empty one, and bring it to the newest schema.

        Raises:
            Damaged: the file is no readable database, or a newer version of Lector wrote it.
            Unavailable: the disk is full, or cannot be read or written.
        """
        self.path = path
        self._closed = False
        self._idle: list[sqlite3.Connection] = []
        self._changing = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise Unavailable(f"{path} cannot be written ({error}); name a directory that can be") from error
        self._identity = _identity(path)
        try:
            with needing_disk(f"{path} cannot be opened now"), self._connection() as connection:
                migrate(connection, path)
        except sqlite3.DatabaseError as error:
            self.close()
            raise _damaged(path, error) from error
        except (Damaged, Unavailable):
            self.close()
            raise

    @property
    def in_place(self) -> bool:
        """Whether the file that was opened still lies there: it may have been deleted or renamed meanwhile."""
        return _identity(self.path) == self._identity

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it or, after any exception, nothing.

        Raises:
            Unavailable: the disk is full.
        """
        with self._connection() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_FULL:
                    raise Unavailable(
                        f"the disk of {self.path} is full; nothing of this batch was written. Free some space and "
                        "write it again"
                    ) from error
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read transaction: everything in it sees one state of the database."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")

    def backup(self, target: Path) -> None:
        """Copy one state of the database into a new file, while others read and write."""
        with closing(sqlite3.connect(target)) as copy:
            with self._connection() as connection:
                connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file that is whole by itself

    def close(self) -> None:
        """Close all connections; those at work are closed when they have done."""
        with self._changing:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._changing:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._connect()
            try:
                yield connection
            finally:
                with self._changing:
                    if keep := not self._closed:
                        self._idle.append(connection)
                if not keep:
                    connection.close()
        except sqlite3.DatabaseError as error:
            if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise _damaged(self.path, error) from error
            raise

    def _connect(self) -> sqlite3.Connection:
        if not self.in_place:
            raise NotFound(f"{self.path} is no longer what was opened; the collection was deleted or renamed")
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.DatabaseError:
            connection.close()
            raise
        connection.create_function("dated", 1, dated, deterministic=True)
        connection.create_function("instant", 1, instant, deterministic=True)
        connection.create_function("attributes_of", 1, attributes_of, deterministic=True)
        connection.create_function("merged", 2, _merged, deterministic=True)
        return connection


def _damaged(path: Path, error: sqlite3.Error) -> Damaged:
    return Damaged(f"{path} is not a readable SQLite database ({error}); restore it from a backup")


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _merged(meta: str, changes: str) -> str:
    """Metadata with the keys of `changes` put over its own; both are JSON. Used in SQL."""
    return json.dumps({**json.loads(meta), **json.loads(changes)}, ensure_ascii=False)
