"""Embeddings as they are read from the database, many at a time."""

from collections.abc import Iterator
from sqlite3 import Connection

import numpy as np

from store import log
from store.dense import unit
from store.nearest import Numbers, Vectors

_EMBEDDED = "length(p.embedding) > 0"
_ROWS_AT_ONCE = 10_000


def count(connection: Connection) -> int:
    """How many passages have an embedding."""
    return int(connection.execute(f"SELECT count(*) FROM passages p WHERE {_EMBEDDED}").fetchone()[0])


def added(connection: Connection, since: int, step: int = 1) -> Iterator[tuple[Numbers, Vectors]]:
    """Numbers, rising, and embeddings at unit length of the passages that came after a change and are still there.

    They come in chunks; with a step, every step-th only.
    """
    rows = connection.execute(*log.added("p.number, p.embedding", since, _EMBEDDED, step))
    while chunk := rows.fetchmany(_ROWS_AT_ONCE):
        numbers = np.array([number for number, _ in chunk], dtype=np.int64)
        vectors = np.frombuffer(b"".join(blob for _, blob in chunk), dtype=np.float32)
        yield numbers, unit(vectors.reshape(len(chunk), -1))


def everything(connection: Connection, dimension: int) -> tuple[Numbers, Vectors]:
    """Numbers (n,) and embeddings (n, dimension) of all passages that have one; in memory once."""
    total = count(connection)
    numbers, vectors = np.empty(total, np.int64), np.empty((total, dimension), np.float32)
    start = 0
    for some, chunk in added(connection, 0):
        end = start + len(some)
        numbers[start:end], vectors[start:end] = some, chunk
        start = end
    return numbers, vectors
