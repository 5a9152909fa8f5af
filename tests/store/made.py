"""Documents made for tests, and what must hold of every collection."""

import hashlib
import sqlite3
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from store.collection import Collection
from store.records import Embedding, NewDocument, NewPassage
from store.views import EncoderIdentity

ROOT = Path(__file__).parents[2]
ENCODER = EncoderIdentity("e" * 64, 8)
EVERYTHING = 10_000


def embedding(text: str) -> Embedding:
    """A unit vector that only equal texts share."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    vector = np.random.default_rng(seed).normal(size=ENCODER.dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def document(
    id_: str, text: str, *, parts: int = 1, title: str = "", source: str = "", meta: Mapping[str, Any] | None = None
) -> NewDocument:
    """A document whose text is cut into so many passages of nearly equal length."""
    cuts = [len(text) * i // parts for i in range(parts + 1)]
    passages = tuple(NewPassage(start, end, embedding(text[start:end])) for start, end in pairwise(cuts) if start < end)
    return NewDocument(id_, text, passages, title, source, meta or {})


def found_ids(collection: Collection, word: str) -> list[str]:
    """Ids of the documents whose passages hold a word, sorted; once for each passage."""
    hits = [hit.number for hit in collection.search_sparse(word, EVERYTHING)]
    passages = collection.passages(hits)
    return sorted(passages[number].document.id for number in hits)


def assert_views_agree(collection: Collection) -> None:
    """Both views hold every passage of the database once, and nothing else. Every passage must say "every"."""
    with sqlite3.connect(collection.folder / "lector.db") as database:
        truth = [row[0] for row in database.execute("SELECT number FROM passages ORDER BY number")]
    database.close()
    dense = collection.search_dense(embedding("x"), EVERYTHING)
    sparse = collection.search_sparse("every", EVERYTHING)
    assert sorted(hit.number for hit in dense) == truth
    assert sorted(hit.number for hit in sparse) == truth
