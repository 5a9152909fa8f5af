"""One writer of a collection at a time, among the threads of a process and among processes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from store.errors import Conflict

WRITER_TIMEOUT_S = 30.0


class WriterLock:
    """The lock of one collection. The thread that holds it may take it again."""

    def __init__(self, folder: Path) -> None:
        self._name = folder.name
        self._threads = threading.RLock()
        self._processes = FileLock(folder / "writer.lock", thread_local=False)

    @contextmanager
    def held(self, timeout: float | None = None) -> Iterator[None]:
        """Hold the lock; wait for it `timeout` seconds at most (None: `WRITER_TIMEOUT_S`).

        Raises:
            Conflict: another writer held it for all that time.
        """
        seconds = WRITER_TIMEOUT_S if timeout is None else timeout
        busy = f"another writer has held collection {self._name!r} for over {seconds:g} s; try again when it has done"
        if not self._threads.acquire(timeout=seconds):
            raise Conflict(busy)
        try:
            try:
                self._processes.acquire(timeout=seconds)
            except Timeout as error:
                raise Conflict(busy) from error
            try:
                yield
            finally:
                self._processes.release()
        finally:
            self._threads.release()
