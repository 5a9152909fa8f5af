"""Documents and passages as rows of the database."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import Any

import numpy as np

from store import log
from store.errors import InvalidInput
from store.records import Document, NewDocument, NewPassage

DOCUMENT = "d.number, d.id, d.title, d.source, d.meta, d.content_hash"


def content_hash(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


def check(document: NewDocument, dimension: int) -> None:
    """Refuse a document that cannot be stored as it is.

    Raises:
        InvalidInput: a passage lies outside its document's text, an embedding has another dimension or holds what is
            no number, texts are not Unicode, or metadata are not JSON.
    """
    try:
        "".join((document.id, document.title, document.source, document.text, to_json(document.meta))).encode()
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"document {document.id!r} cannot be stored ({error}); its metadata must be JSON, its texts Unicode"
        ) from error
    for passage in document.passages:
        if not 0 <= passage.start < passage.end <= len(document.text):
            raise InvalidInput(
                f"document {document.id!r} has {len(document.text)} characters; passage [{passage.start}, "
                f"{passage.end}) does not lie in it"
            )
        _check_embedding(document.id, passage, dimension)


def insert(connection: Connection, document: NewDocument) -> None:
    """Write a document whose id is not there."""
    number = connection.execute(
        "INSERT INTO documents (id, title, source, text, meta, content_hash, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            document.id,
            document.title,
            document.source,
            document.text,
            to_json(document.meta),
            content_hash(document.text),
            document.fingerprint,
        ),
    ).lastrowid
    connection.executemany(
        """INSERT INTO passages (id, document, ordinal, start, "end", page, text, embedding)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (
                f"{document.id}:{ordinal}",
                number,
                ordinal,
                passage.start,
                passage.end,
                passage.page,
                document.text[passage.start : passage.end],
                b"" if passage.embedding is None else passage.embedding.astype(np.float32).tobytes(),
            )
            for ordinal, passage in enumerate(document.passages)
        ],
    )
    if not document.passages:  # no passage, no change: the log would not know of this document
        log.note(connection)


def to_json(meta: Mapping[str, Any]) -> str:
    return json.dumps(dict(meta), ensure_ascii=False, allow_nan=False)


def document(row: Sequence[Any]) -> Document:
    """The document of a row of the columns `DOCUMENT`."""
    number, id_, title, source, meta, hash_ = row
    return Document(number, id_, title, source, json.loads(meta), hash_)


def _check_embedding(id_: str, passage: NewPassage, dimension: int) -> None:
    if passage.embedding is None:
        return
    if passage.embedding.shape != (dimension,):
        raise InvalidInput(
            f"document {id_!r} has an embedding of shape {passage.embedding.shape}; this collection takes "
            f"({dimension},)"
        )
    if not np.isfinite(passage.embedding.astype(np.float32)).all():
        raise InvalidInput(f"document {id_!r} has an embedding that holds what is no finite number in 32 bits")
