"""A source's corpus as a collection: made for one evaluation, or kept below a directory and used again."""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from models.encoder import Encoder
from models.evaluation.judgements import Text
from models.evaluation.terminal import Track, silently
from store.catalog import Catalog
from store.collection import Collection
from store.records import NewDocument, NewPassage

SOURCE = "corpus"
CONVENTION = 1  # to be raised when documents are indexed in another way, so that kept collections are made anew
DOCUMENTS_AT_ONCE = 128


def corpus_name(source: Path) -> str:
    """What a source's collection is called by, made of its file's or folder's name."""
    name = source.resolve().name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40] or "corpus"


@contextmanager
def indexed(
    name: str, texts: Sequence[Text], encoder: Encoder, index: Path | None, track: Track = silently
) -> Iterator[Collection]:
    """A collection of the texts, one passage a document, its title embedded with it.

    It lies below the directory `index`, under a name that ends in the checksum of corpus and encoder: what is there
    already is used as it is, and what an interruption left is gone on with. Without `index` it is temporary.
    """
    checksum = _checksum(texts, encoder)
    with tempfile.TemporaryDirectory() as temporary:
        catalog = Catalog(index or Path(temporary), encoder.identity)
        try:
            collection = catalog.get(f"{name}-{checksum[:12]}", create=True)
            if collection.source_fingerprint(SOURCE) != checksum:
                _fill(collection, texts, encoder, track)
                collection.finish_source(SOURCE, checksum, [text.id for text in texts])
            yield collection
        finally:
            catalog.close()


@contextmanager
def existing(name: str, data: Path, encoder: Encoder) -> Iterator[Collection]:
    """A collection that is there already; errors as of `Catalog.get`."""
    catalog = Catalog(data, encoder.identity)
    try:
        yield catalog.get(name)
    finally:
        catalog.close()


def _fill(collection: Collection, texts: Sequence[Text], encoder: Encoder, track: Track) -> None:
    there = collection.fingerprints(SOURCE)
    missing = [text for text in texts if text.id not in there]
    groups = [missing[begin : begin + DOCUMENTS_AT_ONCE] for begin in range(0, len(missing), DOCUMENTS_AT_ONCE)]
    for group in track(groups, f"indexing {len(missing)} documents"):
        embeddings = encoder.encode([text.text for text in group], [text.title for text in group])
        collection.write(
            [
                NewDocument(
                    id=text.id,
                    text=text.text,
                    passages=(NewPassage(0, len(text.text), embedding),),
                    title=text.title,
                    source=SOURCE,
                    meta=text.meta,
                )
                for text, embedding in zip(group, embeddings, strict=True)
            ]
        )


def _checksum(texts: Sequence[Text], encoder: Encoder) -> str:
    made_by = [CONVENTION, encoder.identity.checksum, encoder.identity.dimension, encoder.settings.max_length]
    checksum = hashlib.sha256(json.dumps(made_by).encode())
    for text in texts:
        checksum.update(json.dumps([text.id, text.title, text.text, dict(text.meta)]).encode())
    return checksum.hexdigest()
