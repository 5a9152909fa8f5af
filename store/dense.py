"""The dense view: embeddings by passage number in FAISS, kept in memory, with a snapshot on disk."""

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from store.errors import InvalidInput
from store.records import Hit

_MAGIC = b"lector dense view 1\n"


class DenseView:
    """Exact inner-product search, and the number of the last change that it has seen."""

    def __init__(self, dimension: int, encoder: str) -> None:
        self.dimension = dimension
        self.encoder = encoder
        self.change = 0
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, numbers: NDArray[np.int64], embeddings: NDArray[np.float32]) -> None:
        """Add passages: (n,) numbers with (n, dimension) embeddings."""
        with self._lock:
            self._index.add_with_ids(embeddings, numbers)

    def remove(self, numbers: NDArray[np.int64]) -> None:
        """Remove passages by number (n,); those that are not here are no error."""
        if len(numbers):
            with self._lock:
                self._index.remove_ids(numbers)

    def search(self, embedding: NDArray[np.float32], limit: int, among: Sequence[int] | None = None) -> list[Hit]:
        """The nearest passages to a question's embedding (dimension,), best first; scores are cosines.

        `among` restricts the search, before it ranks, to these numbers.
        """
        if embedding.shape != (self.dimension,):
            raise InvalidInput(
                f"an embedding of shape {embedding.shape} cannot be searched in {self.dimension} dimensions"
            )
        parameters = None
        if among is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.array(among, dtype=np.int64)))
        with self._lock:
            limit = min(limit, len(self) if among is None else len(among))
            if limit < 1:
                return []
            scores, numbers = self._index.search(embedding[None], limit, params=parameters)
        return [Hit(int(n), float(s)) for n, s in zip(numbers[0], scores[0], strict=True) if n >= 0]

    def save(self, path: Path) -> None:
        """Write a snapshot: to a temporary file, synced and renamed, so that a reader finds the old one or the new."""
        with self._lock:
            payload = faiss.serialize_index(self._index).tobytes()
            header = {"change": self.change, "encoder": self.encoder, "sha256": _checksum(self.change, payload)}
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            file.write(_MAGIC + json.dumps(header).encode() + b"\n")
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path, dimension: int, encoder: str) -> "DenseView | None":
        """The snapshot at `path`; None where it is missing, damaged or of another encoder, and so must be rebuilt."""
        if not path.is_file():
            return None
        with path.open("rb") as file:
            if file.readline() != _MAGIC:
                return None
            try:
                header = json.loads(file.readline())
                change, made_by, checksum = int(header["change"]), header["encoder"], header["sha256"]
            except (ValueError, TypeError, KeyError):
                return None
            payload = file.read()
        if made_by != encoder or checksum != _checksum(change, payload):
            return None
        view = cls(dimension, encoder)
        view._index = faiss.deserialize_index(np.frombuffer(payload, dtype=np.uint8))
        view.change = change
        return view if view._index.d == dimension else None


def _checksum(change: int, payload: bytes) -> str:
    return hashlib.sha256(f"{change}\n".encode() + payload).hexdigest()
