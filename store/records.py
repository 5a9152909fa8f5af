"""What a collection holds: documents and the passages that they are cut into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Meta = Mapping[str, Any]  # what JSON can hold
Embedding = NDArray[np.float32]  # (dimension,); of any length, for views compare by the cosine


@dataclass(frozen=True)
class NewPassage:
    """A passage on its way in: code points [start, end) of its document's text, and its embedding.

    One without an embedding is found by its words only.
    """

    start: int
    end: int
    embedding: Embedding | None
    page: int | None = None  # counted from 1, where the document has pages


@dataclass(frozen=True)
class NewDocument:
    """A document on its way in. One with the same id is replaced."""

    id: str
    text: str
    passages: tuple[NewPassage, ...]
    title: str = ""
    source: str = ""  # where it came from: a path, a URL
    meta: Meta = field(default_factory=dict)
    fingerprint: str = ""  # the writer's own: of all that this document was made from, and how


@dataclass(frozen=True)
class Document:
    """A stored document, without its text."""

    number: int
    id: str
    title: str
    source: str
    meta: Meta
    content_hash: str  # "sha256:" and the hex digest of the text in UTF-8


@dataclass(frozen=True)
class Passage:
    """A stored passage with its text and its document."""

    number: int  # never used again, also after a deletion
    id: str
    document: Document
    ordinal: int  # place among its document's passages, from 0
    start: int
    end: int
    page: int | None
    text: str


@dataclass(frozen=True)
class Hit:
    """A passage's number and its score in one view."""

    number: int
    score: float
