"""A collection as a Haystack document store, for pipelines that write and search with Haystack's components.

A Haystack document is one passage: put a splitter before the writer where texts are long. The documents of `lector
index`, which have several passages, are seen as they are, whole.
"""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "false")  # haystack reads it when it is imported

import numpy as np
from haystack import Document, default_from_dict, default_to_dict
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError

from models import metadata
from models.encoder import Encoder
from store.catalog import Catalog
from store.collection import Collection, OnDuplicate
from store.errors import Duplicate, InvalidInput
from store.filters import compile_filter
from store.records import Embedding, NewDocument, NewPassage
from store.views import EncoderIdentity

ENCODED_AT_ONCE = 64
_POLICIES: dict[DuplicatePolicy, OnDuplicate] = {
    DuplicatePolicy.NONE: "fail",
    DuplicatePolicy.FAIL: "fail",
    DuplicatePolicy.SKIP: "skip",
    DuplicatePolicy.OVERWRITE: "overwrite",
}

Filters = dict[str, Any]


class LectorDocumentStore:
    """Haystack documents in a Lector collection: kept in SQLite, found by FAISS and by BM25.

    Besides what a document store must have, it has Haystack's optional methods, and all of them with `_async`. It keeps
    ids, texts, metadata and, where documents bring them, embeddings (in 32 bits); a title or source in the metadata is
    searched and shown as such.
    """

    def __init__(
        self,
        data: str = "data",
        collection: str = "default",
        encoder: str | None = "encoder",
        dimension: int | None = None,
        threads: int = 0,
    ) -> None:
        """A store over the collection below the directory `data`, which is made when it is first used.

        Either `encoder` names the model that embeds texts as they are written, and documents bring no embeddings; or it
        is None, and documents bring embeddings of `dimension` numbers. Those without one are found by words only.

        Raises:
            InvalidInput: both or neither are given.
        """
        if (encoder is None) == (dimension is None):
            raise InvalidInput(
                f"encoder={encoder!r} and dimension={dimension!r}: name an encoder, or set it to None and give the "
                "dimension of the embeddings that documents bring"
            )
        self.data = data
        self.collection = collection
        self.encoder = encoder
        self.dimension = dimension
        self.threads = threads
        self._opening = threading.Lock()
        self._encoder: Encoder | None = None
        self._catalog: Catalog | None = None

    def to_dict(self) -> dict[str, Any]:
        return default_to_dict(
            self,
            data=self.data,
            collection=self.collection,
            encoder=self.encoder,
            dimension=self.dimension,
            threads=self.threads,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "LectorDocumentStore":
        return default_from_dict(cls, data)

    def open(self, create: bool = True) -> tuple[Collection, Encoder | None]:
        """The collection, and the encoder of its embeddings unless documents bring these; loaded at the first call.

        Raises:
            NotFound: there is no such collection, and it is not to be made.
            Conflict: the collection was made with another encoder.
        """
        with self._opening:
            if self._catalog is None:
                if self.dimension is None:
                    self._encoder = Encoder.load(str(self.encoder), self.threads)
                    identity = self._encoder.identity
                else:
                    identity = EncoderIdentity("given", self.dimension)
                self._catalog = Catalog(Path(self.data), identity)
            return self._catalog.get(self.collection, create), self._encoder

    def close(self) -> None:
        """Leave a snapshot, so that the next opening is quick, and let go of the files; a later use opens them."""
        with self._opening:
            if self._catalog is not None:
                self._catalog.close()

    def count_documents(self) -> int:
        """How many documents there are."""
        return self.open()[0].state().documents

    def count_documents_by_filter(self, filters: Filters) -> int:
        """How many documents match a filter. `FilterError` where it breaks a rule."""
        _check(filters)
        with self.open()[0].reading() as reading:
            return reading.count(filters)

    def filter_documents(self, filters: Filters | None = None) -> list[Document]:
        """Documents that match a filter, in the order of writing. `FilterError` where it breaks a rule."""
        _check(filters)
        with self.open()[0].reading() as reading:
            return [
                Document(id=d.id, content=text, meta=dict(d.meta), embedding=self._shown(embeddings))
                for d, text, embeddings in reading.whole_documents(filters)
            ]

    def write_documents(self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE) -> int:
        """Write documents, all of them or none, and return how many; without a policy, ids that are there are refused.

        Raises:
            ValueError: these are not documents.
            DuplicateDocumentError: an id is there already, or comes twice.
            InvalidInput: a document has something that cannot be kept, or an embedding where none, or another, is due.
        """
        if not isinstance(documents, list) or not all(isinstance(document, Document) for document in documents):
            raise ValueError(f"write_documents takes a list of haystack Documents, not {documents!r}")
        collection, encoder = self.open()
        embeddings = _encoded(encoder, documents) if encoder else [_given(document) for document in documents]
        new = [_new(document, embedding) for document, embedding in zip(documents, embeddings, strict=True)]
        try:
            written = collection.write(new, _POLICIES[policy])
        except Duplicate as error:
            raise DuplicateDocumentError(str(error)) from error
        return len(documents) if policy is DuplicatePolicy.OVERWRITE else written

    def delete_documents(self, document_ids: list[str]) -> None:
        """Delete documents by id; unknown ids are no error."""
        self.open()[0].delete(document_ids)

    def delete_all_documents(self) -> None:
        """Delete every document of the collection."""
        self.open()[0].delete_all()

    def delete_by_filter(self, filters: Filters) -> int:
        """Delete the documents that match a filter; an empty one is refused. Returns their number."""
        _check(filters)
        return self.open()[0].delete_matching(filters)

    def update_by_filter(self, filters: Filters, meta: dict[str, Any]) -> int:
        """Put `meta` over that of the documents that match a filter, which is not empty; returns their number.

        Raises:
            InvalidInput: it has a title or a source, which documents are searched by and shown with.
        """
        _check(filters)
        if fixed := meta.keys() & {"title", "source"}:
            raise InvalidInput(f"{' and '.join(sorted(fixed))} cannot be changed alone; write the documents again")
        return self.open()[0].update_meta(filters, meta)

    def count_unique_metadata_by_filter(self, filters: Filters, metadata_fields: list[str]) -> dict[str, int]:
        """How many different values each field has among the documents that match a filter."""
        metas = self._metas(filters)
        names = [name.removeprefix("meta.") for name in metadata_fields]
        return {name: len(metadata.distinct(metas, name)) for name in names}

    def get_metadata_fields_info(self) -> dict[str, dict[str, str]]:
        """Type of each field: keyword, int, float or boolean."""
        return {name: {"type": kind} for name, kind in metadata.kinds(self._metas(None)).items()}

    def get_metadata_field_min_max(self, metadata_field: str) -> dict[str, Any]:
        """Least and greatest value of a field, as "min" and "max"; None where there is none, or they have no order."""
        least, greatest = metadata.extremes(self._metas(None), metadata_field.removeprefix("meta."))
        return {"min": least, "max": greatest}

    def get_metadata_field_unique_values(
        self,
        metadata_field: str,
        search_term: str | None = None,
        from_: int = 0,
        size: int = 10,
        filters: Filters | None = None,
    ) -> tuple[list[Any], int]:
        """Values of a field that hold the term, whatever its case, sorted; a page of them, and how many there are."""
        values = metadata.distinct(self._metas(filters), metadata_field.removeprefix("meta."))
        held = [value for value in values if (search_term or "").lower() in str(value).lower()]
        return held[from_ : from_ + size], len(held)

    async def count_documents_async(self) -> int:
        return await asyncio.to_thread(self.count_documents)

    async def count_documents_by_filter_async(self, filters: Filters) -> int:
        return await asyncio.to_thread(self.count_documents_by_filter, filters)

    async def filter_documents_async(self, filters: Filters | None = None) -> list[Document]:
        return await asyncio.to_thread(self.filter_documents, filters)

    async def write_documents_async(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        return await asyncio.to_thread(self.write_documents, documents, policy)

    async def delete_documents_async(self, document_ids: list[str]) -> None:
        await asyncio.to_thread(self.delete_documents, document_ids)

    async def delete_all_documents_async(self) -> None:
        await asyncio.to_thread(self.delete_all_documents)

    async def delete_by_filter_async(self, filters: Filters) -> int:
        return await asyncio.to_thread(self.delete_by_filter, filters)

    async def update_by_filter_async(self, filters: Filters, meta: dict[str, Any]) -> int:
        return await asyncio.to_thread(self.update_by_filter, filters, meta)

    async def count_unique_metadata_by_filter_async(
        self, filters: Filters, metadata_fields: list[str]
    ) -> dict[str, int]:
        return await asyncio.to_thread(self.count_unique_metadata_by_filter, filters, metadata_fields)

    async def get_metadata_fields_info_async(self) -> dict[str, dict[str, str]]:
        return await asyncio.to_thread(self.get_metadata_fields_info)

    async def get_metadata_field_min_max_async(self, metadata_field: str) -> dict[str, Any]:
        return await asyncio.to_thread(self.get_metadata_field_min_max, metadata_field)

    async def get_metadata_field_unique_values_async(
        self,
        metadata_field: str,
        search_term: str | None = None,
        from_: int = 0,
        size: int = 10,
        filters: Filters | None = None,
    ) -> tuple[list[Any], int]:
        return await asyncio.to_thread(
            self.get_metadata_field_unique_values, metadata_field, search_term, from_, size, filters
        )

    def _shown(self, embeddings: list[Embedding | None]) -> list[float] | None:
        """The embedding that a document brought, if it brought one."""
        if self.encoder is not None or not embeddings or embeddings[0] is None:
            return None
        return [float(number) for number in embeddings[0]]

    def _metas(self, filters: Filters | None) -> list[dict[str, Any]]:
        _check(filters)
        return [dict(document.meta) for document in self.open()[0].documents(filters)]


def _check(filters: Filters | None) -> None:
    try:
        compile_filter(filters)
    except InvalidInput as error:
        raise FilterError(str(error)) from error


def _encoded(encoder: Encoder, documents: list[Document]) -> list[Embedding | None]:
    for document in documents:
        if document.embedding is not None:
            raise InvalidInput(
                f"document {document.id!r} brings an embedding, but this store embeds texts by itself: leave the "
                "embedder out, or open the store with encoder=None and dimension"
            )
    texts = [document.content or "" for document in documents]
    titles = [_named(document, "title") for document in documents]
    begins = range(0, len(texts), ENCODED_AT_ONCE)
    batches = (encoder.encode(texts[i : i + ENCODED_AT_ONCE], titles[i : i + ENCODED_AT_ONCE]) for i in begins)
    return [embedding for batch in batches for embedding in batch]


def _named(document: Document, key: str) -> str:
    """The title or source in a document's metadata; "" where there is none."""
    return str(document.meta.get(key) or "")


def _given(document: Document) -> Embedding | None:
    return None if document.embedding is None else np.array(document.embedding, dtype=np.float32)


def _new(document: Document, embedding: Embedding | None) -> NewDocument:
    if document.content is None or document.blob is not None or document.sparse_embedding is not None:
        raise InvalidInput(
            f"document {document.id!r} cannot be kept whole: this store takes documents with a text, without a blob "
            "and without a sparse embedding"
        )
    text = document.content
    passages = (NewPassage(0, len(text), embedding),) if text else ()
    return NewDocument(
        document.id, text, passages, _named(document, "title"), _named(document, "source"), document.meta
    )
