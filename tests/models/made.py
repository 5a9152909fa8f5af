"""A collection for questions: small documents embedded by the shipped encoder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.encoder import Encoder
from store.collection import Collection
from store.records import NewDocument, NewPassage

TEXTS = {
    "tower": (
        "The lighthouse of Älvsborg 🗼 was built in 1873 by the engineer Gustaf von Heidenstam. It is 31 metres high. "
        "Its lamp was electrified in 1935, and the last keeper left the island in 1968."
    ),
    "bakery": (
        "The bakery on Mill Street opens at six in the morning. Its best known bread is a sourdough rye that rests for "
        "twenty hours. The baker, Marta Lindqvist, learned the craft in Vienna."
    ),
    "museum": "The museum says that the lighthouse was built in 1873. Entry costs five crowns.",
}
QUESTION = "When was the lighthouse built?"


def embedded(
    encoder: Encoder, texts: Mapping[str, str], size: int = 120, step: int = 80, meta: Mapping[str, Any] | None = None
) -> list[NewDocument]:
    """Documents cut into overlapping passages of so many characters."""
    documents = []
    for id_, text in texts.items():
        cuts = [(start, min(start + size, len(text))) for start in range(0, len(text), step)]
        embeddings = encoder.encode([text[start:end] for start, end in cuts])
        passages = tuple(NewPassage(s, e, embedding) for (s, e), embedding in zip(cuts, embeddings, strict=True))
        documents.append(NewDocument(id_, text, passages, id_.title(), f"{id_}.txt", {"name": id_, **(meta or {})}))
    return documents


def collection_of(folder: Path, encoder: Encoder, documents: Sequence[NewDocument]) -> Collection:
    collection = Collection(folder, encoder.identity)
    collection.write(documents)
    return collection
