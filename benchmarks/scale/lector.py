"""Lector's store under measurement."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.corpus import Passage
from benchmarks.scale.subjects import TOP, Filter, Mode
from models.retrieval import retrieve
from store import snapshot
from store.collection import Collection
from store.errors import Unavailable
from store.records import NewDocument, NewPassage
from store.views import SNAPSHOT_EVERY, EncoderIdentity

ENCODER = "given"  # the vectors are brought


class LectorSubject:
    """A collection; each passage is a document with one passage."""

    def __init__(self, folder: Path, dimension: int) -> None:
        self._folder = folder
        self._encoder = EncoderIdentity(ENCODER, dimension)
        self._collection: Collection | None = None

    @property
    def collection(self) -> Collection:
        """The open collection; one is made where there is none."""
        if self._collection is None:
            self._collection = Collection(self._folder, self._encoder)
        return self._collection

    def build(self, blocks: Iterable[list[Passage]]) -> None:
        """Write each block in one batch.

        Raises:
            Unavailable: a view has not followed.
        """
        for block in blocks:
            self.write(block)
        if (state := self.collection.describe().state) != "READY":
            raise Unavailable(f"the views are {state} after the last batch; see what is logged above")

    def write(self, passages: Sequence[Passage]) -> None:
        """One batch, until both views have followed."""
        self.collection.write([_as_document(passage) for passage in passages])

    def save(self) -> None:
        self.collection.close()

    def open(self) -> None:
        self.collection.refresh()

    def search(self, mode: Mode, question: str, vector: NDArray[np.float32], restriction: Filter | None) -> list[int]:
        filters = restriction.as_haystack() if restriction else None
        if mode == "hybrid":
            found = retrieve(self.collection, None, question, TOP, mode, filters, vector).passages
            return [int(retrieved.passage.document.id) for retrieved in found]
        with self.collection.reading() as reading:
            hits = (
                reading.search_dense(vector, TOP, filters)
                if mode == "dense"
                else reading.search_sparse(question, TOP, filters)
            )
            passages = reading.passages([hit.number for hit in hits])
        return [int(passages[hit.number].document.id) for hit in hits]

    def changes_unsaved(self) -> int:
        """How many changes no snapshot of the dense view holds."""
        saved = snapshot.load(self._folder / "dense.snapshot", self._encoder.dimension, self._encoder.checksum)
        return self.collection.describe().generation - (saved.change if saved else 0)

    def changes_until_snapshot(self) -> int:
        """How many there can be before the next is written."""
        return max(SNAPSHOT_EVERY - 1 - self.changes_unsaved(), 0)


def _as_document(passage: Passage) -> NewDocument:
    whole = NewPassage(0, len(passage.text), passage.vector)
    return NewDocument(passage.id, passage.text, (whole,), passage.title, meta=passage.meta)
