"""Where in the store a process is: told on a pipe, so that it can be killed there and one can see that it was.

A region lasts from the call of a function to its return; within it another may begin. Each time the region changes, a
line with its name, the monotonic time in ns and the number of events seen in the region before goes into the pipe.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from sqlite3 import Connection
from types import FrameType
from typing import Any

from store import log, snapshot
from store.database import Database
from store.sparse import SparseIndex
from store.views import Views

REGIONS = ("transaction", "dense view", "sparse view", "snapshot", "folding", "compaction")
_FUNCTIONS: tuple[tuple[Any, str, str], ...] = (
    (Views, "_follow_dense", "dense view"),
    (SparseIndex, "apply", "sparse view"),
    (snapshot, "save", "snapshot"),
    (Views, "_folded", "folding"),
    (Views, "_built", "folding"),
)
_STORE = str(Path(snapshot.__file__).parent)

Trace = Callable[[FrameType, str, Any], Any]


class Regions:
    """The region that this process is in, from `install` on."""

    def __init__(self, pipe: int) -> None:
        self.now = ""
        self.entered: Callable[[str], None] = lambda _: None
        self._pipe = pipe
        self._events = 0

    def install(self) -> None:
        """Wrap the functions of the store that the regions are made of."""
        for owner, name, region in _FUNCTIONS:
            setattr(owner, name, self._watched(getattr(owner, name), region))
        writing, compact = Database.writing, log.compact

        @contextmanager
        def watched_writing(database: Database) -> Iterator[Connection]:
            with self.inside("transaction"), writing(database) as connection:
                yield connection

        def watched_compact(connection: Connection, seen: int) -> None:
            self._move("compaction")  # until the transaction that it is part of has ended
            compact(connection, seen)

        Database.writing = watched_writing  # type: ignore[assignment, method-assign]
        log.compact = watched_compact

    @contextmanager
    def inside(self, region: str) -> Iterator[None]:
        before = self.now
        self._move(region)
        try:
            yield
        finally:
            self._move(before)

    def killing(self, region: str, event: int) -> Trace:
        """For `sys.settrace`: SIGKILL at the so manieth event in a region, the beginning of a line or a return."""
        seen = 0

        def trace(frame: FrameType, what: str, _: Any) -> Any:
            nonlocal seen
            if not frame.f_code.co_filename.startswith(_STORE):
                return None
            if self.now == region and what in ("line", "return"):
                seen += 1
                self._events += 1
                if seen == event:
                    self._move(self.now)
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        return trace

    def _watched(self, function: Callable[..., Any], region: str) -> Callable[..., Any]:
        @wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            with self.inside(region):
                return function(*arguments, **named)

        return watched

    def _move(self, region: str) -> None:
        os.write(self._pipe, f"{region},{time.monotonic_ns()},{self._events}\n".encode())
        self.now, self._events = region, 0
        self.entered(region)
