"""`LectorDocumentStore` under Haystack's own contract tests, and in pipelines of Haystack's components."""

import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

with warnings.catch_warnings():  # haystack imports torch and transformers where they are installed
    warnings.simplefilter("ignore")
    from haystack import Document, Pipeline
    from haystack.components.writers import DocumentWriter
    from haystack.dataclasses import ByteStream
    from haystack.document_stores.errors import DuplicateDocumentError
    from haystack.document_stores.types import DuplicatePolicy
    from haystack.errors import FilterError
    from haystack.testing import document_store as contract
    from haystack.testing import document_store_async as async_contract

    from models.components import LectorDenseRetriever, LectorHybridRetriever, LectorReader, LectorSparseRetriever
    from models.document_store import LectorDocumentStore

from models.encoder import Encoder
from store.errors import Conflict, InvalidInput, NotFound
from tests.models.made import QUESTION, TEXTS, collection_of, embedded

DIMENSION = 768  # of the contract's documents
BAKERY = {"field": "meta.name", "operator": "==", "value": "bakery"}
MODULES = ["models.*", "haystack.*"]


def assert_alike(received: list[Document], expected: list[Document]) -> None:
    """Equal documents; embeddings are kept in 32 bits."""
    assert len(received) == len(expected)
    for one, other in zip(received, expected, strict=True):
        assert (one.id, one.content, one.meta) == (other.id, other.content, other.meta)
        assert (one.embedding is None) == (other.embedding is None)
        np.testing.assert_array_equal(np.array(one.embedding or [], "f4"), np.array(other.embedding or [], "f4"))


@pytest.fixture
def document_store(tmp_path: Path) -> Iterator[LectorDocumentStore]:
    store = LectorDocumentStore(str(tmp_path), encoder=None, dimension=DIMENSION)
    yield store
    store.close()


class TestContract(
    contract.DocumentStoreBaseExtendedTests,
    contract.CountDocumentsByFilterTest,
    contract.CountUniqueMetadataByFilterTest,
    contract.GetMetadataFieldsInfoTest,
    contract.GetMetadataFieldMinMaxTest,
    contract.GetMetadataFieldUniqueValuesTest,
):
    @pytest.fixture
    def document_store(self, document_store: LectorDocumentStore) -> LectorDocumentStore:
        return document_store

    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        assert_alike(received, expected)

    def test_write_documents(self, document_store: Any) -> None:
        document = Document(content="a text")
        assert document_store.write_documents([document]) == 1
        with pytest.raises(DuplicateDocumentError, match="already"):
            document_store.write_documents([Document(content="another"), document])
        assert_alike(document_store.filter_documents(), [document])


@pytest.mark.anyio
class TestAsyncContract(
    async_contract.CountDocumentsAsyncTest,
    async_contract.CountDocumentsByFilterAsyncTest,
    async_contract.CountUniqueMetadataByFilterAsyncTest,
    async_contract.DeleteAllAsyncTest,
    async_contract.DeleteByFilterAsyncTest,
    async_contract.DeleteDocumentsAsyncTest,
    async_contract.FilterDocumentsAsyncTest,
    async_contract.GetMetadataFieldMinMaxAsyncTest,
    async_contract.GetMetadataFieldUniqueValuesAsyncTest,
    async_contract.GetMetadataFieldsInfoAsyncTest,
    async_contract.UpdateByFilterAsyncTest,
    async_contract.WriteDocumentsAsyncTest,
):
    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        assert_alike(received, expected)

    async def test_write_documents_async(self, document_store: Any) -> None:
        document = Document(content="a text")
        assert await document_store.write_documents_async([document]) == 1
        with pytest.raises(DuplicateDocumentError, match="already"):
            await document_store.write_documents_async([Document(content="another"), document])
        assert_alike(await document_store.filter_documents_async(), [document])


def texts() -> list[Document]:
    return [Document(id=name, content=text, meta={"name": name, "title": name.title()}) for name, text in TEXTS.items()]


def test_a_pipeline_of_ones_own_writes_finds_and_reads(tmp_path: Path) -> None:
    store = LectorDocumentStore(str(tmp_path), "own", threads=2)
    indexing = Pipeline()
    indexing.add_component("writer", DocumentWriter(store, DuplicatePolicy.OVERWRITE))
    assert indexing.run({"writer": {"documents": texts()}})["writer"]["documents_written"] == len(TEXTS)
    asking = Pipeline()
    asking.add_component("retriever", LectorHybridRetriever(document_store=store))
    asking.add_component("reader", LectorReader(min_confidence=0, threads=2))
    asking.connect("retriever.documents", "reader.documents")
    question = {"retriever": {"query": QUESTION}, "reader": {"query": QUESTION}}
    answers = asking.run(question)["reader"]["answers"]
    assert answers[0].data == "1873"
    again = Pipeline.loads(asking.dumps(), allowed_modules=MODULES)
    assert again.to_dict() == asking.to_dict()
    assert [a.data for a in again.run(question)["reader"]["answers"]] == [a.data for a in answers]
    assert Pipeline.loads(indexing.dumps(), allowed_modules=MODULES).to_dict() == indexing.to_dict()
    store.delete_documents(["tower"])
    found = asking.get_component("retriever").run(QUESTION)["documents"]
    assert {document.meta["document_id"] for document in found} == {"bakery", "museum"}
    assert asyncio.run(store.count_documents_async()) == 2
    store.close()


def test_what_is_found_is_what_was_written(tmp_path: Path) -> None:
    store = LectorDocumentStore(str(tmp_path), threads=1)
    meta = {"document_id": "episode 1", "start": 61, "end": 95, "speaker": "Ada"}
    store.write_documents([Document(id="a", content="The mill was founded by Carl Berg.", meta=meta)])
    [found] = LectorHybridRetriever(document_store=store).run("Who founded the mill?")["documents"]
    assert (found.id, found.content) == ("a", "The mill was founded by Carl Berg.")
    assert found.meta == meta | {"title": "", "source": ""}
    store.write_documents([found], DuplicatePolicy.OVERWRITE)
    store.delete_documents([found.id])
    assert store.count_documents() == 0
    store.close()


def test_texts_are_embedded_with_their_titles(tmp_path: Path, encoder: Encoder) -> None:
    store = LectorDocumentStore(str(tmp_path), threads=1)
    store.write_documents(texts())
    with store.open()[0].reading() as reading:
        _, embeddings = reading.all_embeddings()
    expected = encoder.encode(list(TEXTS.values()), [name.title() for name in TEXTS])
    assert np.allclose(embeddings, expected, atol=1e-6)
    store.close()


def test_a_store_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    for store in (LectorDocumentStore(str(tmp_path)), LectorDocumentStore("x", "y", None, 12, 3)):
        assert LectorDocumentStore.from_dict(store.to_dict()).to_dict() == store.to_dict()


def test_documents_come_back_as_they_were_after_reopening(tmp_path: Path) -> None:
    meta = {"year": 1999, "deep": {"x": [1, 2.5, None, True]}, "ß": "é"}
    documents = [
        Document(content="with one", meta=meta, embedding=[0.1, 2.5, -3.0]),
        Document(content="without"),
        Document(id="empty", content=""),
    ]
    store = LectorDocumentStore(str(tmp_path), encoder=None, dimension=3)
    store.write_documents(documents)
    store.close()
    again = LectorDocumentStore(str(tmp_path), encoder=None, dimension=3)
    assert_alike(again.filter_documents(), documents)
    again.close()


def test_embeddings_of_ones_own_are_searched(tmp_path: Path) -> None:
    store = LectorDocumentStore(str(tmp_path), encoder=None, dimension=3)
    with pytest.raises(NotFound, match="no collection 'default'"):
        LectorSparseRetriever(document_store=store).run("apple")
    store.write_documents(
        [
            Document(id="x", content="an apple", embedding=[5.0, 0, 0]),
            Document(id="y", content="a pear", embedding=[0, 1.0, 0]),
            Document(id="words", content="another apple"),
        ]
    )
    dense = LectorDenseRetriever(document_store=store)
    found = dense.run("pear", query_embedding=[0.1, 0.9, 0])["documents"]
    assert [document.id for document in found] == ["y", "x"]
    both = LectorHybridRetriever(document_store=store).run("apple", query_embedding=[1.0, 0, 0])["documents"]
    assert {document.id for document in both} == {"x", "y", "words"}
    assert {d.id for d in LectorSparseRetriever(document_store=store).run("apple")["documents"]} == {"x", "words"}
    with pytest.raises(InvalidInput, match="needs the question's embedding"):
        dense.run("pear")
    with pytest.raises(InvalidInput, match=r"shape \(2,\)"):
        store.write_documents([Document(content="short", embedding=[1.0, 2.0])])
    store.close()


def test_what_lector_indexed_is_a_document_store_too(tmp_path: Path, encoder: Encoder) -> None:
    collection_of(tmp_path / "default", encoder, embedded(encoder, TEXTS)).close()
    store = LectorDocumentStore(str(tmp_path))
    assert {d.id: d.content for d in store.filter_documents()} == TEXTS
    assert [d.id for d in store.filter_documents(BAKERY)] == ["bakery"]
    assert store.update_by_filter(BAKERY, {"name": "shop"}) == 1
    found = LectorSparseRetriever(document_store=store).run("sourdough rye")["documents"]
    assert found[0].meta["name"] == "shop"
    with pytest.raises(InvalidInput, match="title cannot be changed alone; write the documents again"):
        store.update_by_filter(BAKERY, {"name": "shop", "title": "The shop"})
    with pytest.raises(Conflict, match="another encoder"):
        LectorDocumentStore(str(tmp_path), encoder=None, dimension=3).count_documents()
    store.close()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (Document(content=None), "cannot be kept whole"),
        (Document(content="x", blob=ByteStream(b"y")), "cannot be kept whole"),
        (Document(content="x", embedding=[1.0]), "leave the embedder out"),
        (Document(content="x", meta={"when": Path("x")}), "must be JSON"),
    ],
)
def test_what_cannot_be_kept_is_refused(tmp_path: Path, document: Document, reason: str) -> None:
    store = LectorDocumentStore(str(tmp_path))
    with pytest.raises(InvalidInput, match=reason):
        store.write_documents([Document(content="good"), document])
    assert store.count_documents() == 0
    store.close()


def test_a_store_has_an_encoder_or_a_dimension() -> None:
    for encoder, dimension in ((None, None), ("encoder", 3)):
        with pytest.raises(InvalidInput, match="name an encoder, or set it to None"):
            LectorDocumentStore(encoder=encoder, dimension=dimension)


def test_everything_is_not_deleted_by_an_empty_filter(document_store: LectorDocumentStore) -> None:
    document_store.write_documents([Document(content="x")])
    with pytest.raises(InvalidInput, match="empty filter"):
        document_store.delete_by_filter({})
    with pytest.raises(FilterError):
        document_store.delete_by_filter({"field": "x"})
    assert document_store.count_documents() == 1
