"""Haystack components: the same answers as the service gives, in pipelines that can be written down as YAML."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():  # haystack imports torch and transformers where they are installed
    warnings.simplefilter("ignore")
    from haystack import Document, Pipeline

    from models.components import (
        LectorDenseRetriever,
        LectorHybridRetriever,
        LectorReader,
        LectorSparseRetriever,
        build_pipeline,
    )

from models.encoder import Encoder
from models.pipeline import QuestionAnswerer
from models.settings import Settings
from store.collection import Collection
from store.errors import InvalidInput, NotFound
from tests.models.made import QUESTION, TEXTS, collection_of, embedded

BAKERY = {"field": "meta.name", "operator": "==", "value": "bakery"}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Collection]:
    made = collection_of(tmp_path_factory.mktemp("data") / "default", encoder, embedded(encoder, TEXTS))
    yield made
    made.close()


@pytest.fixture(scope="module")
def settings(collection: Collection) -> Settings:
    return Settings(data=collection.folder.parent, min_confidence=0, top_k=8, threads=2)


def ask(pipeline: Pipeline, question: str, **retriever: Any) -> dict[str, Any]:
    found: dict[str, Any] = pipeline.run(
        {"retriever": {"query": question, **retriever}, "reader": {"query": question}}
    )["reader"]
    return found


def test_a_pipeline_answers_as_the_service_does(collection: Collection, settings: Settings) -> None:
    service = QuestionAnswerer.load(settings)
    pipeline = build_pipeline(settings)
    for question in (QUESTION, "Who learned the craft in Vienna?", "What does entry cost?"):
        found = ask(pipeline, question)
        expected = service.ask(collection, question)
        assert [(a.data, a.score, a.meta["start"], a.meta["end"]) for a in found["answers"]] == [
            (a.text, a.confidence, a.start, a.end) for a in expected.answers
        ]
        assert found["no_answer_confidence"] == expected.no_answer_confidence
        for answer in found["answers"]:
            span = answer.document_offset
            assert answer.document.content[span.start : span.end] == answer.data
            whole = collection.document_text(answer.meta["document_id"])
            assert whole[answer.meta["start"] : answer.meta["end"]] == answer.data


@pytest.mark.parametrize("early_exit", [False, True])
def test_a_pipeline_survives_yaml(settings: Settings, early_exit: bool) -> None:
    pipeline = build_pipeline(settings.model_copy(update={"early_exit": early_exit}))
    assert pipeline.to_dict()["components"]["reader"]["init_parameters"]["early_exit"] is early_exit
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["models.components"])
    assert again.to_dict() == pipeline.to_dict()
    assert ask(again, QUESTION) == ask(pipeline, QUESTION)


@pytest.mark.parametrize("kind", [LectorSparseRetriever, LectorDenseRetriever, LectorHybridRetriever])
def test_retrievers_give_passages_with_their_places(collection: Collection, settings: Settings, kind: Any) -> None:
    retriever = kind(data=str(settings.data), top_k=4)
    found = retriever.run(QUESTION)["documents"]
    assert 1 <= len(found) <= 4
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)
    for document in found:
        text = collection.document_text(document.meta["document_id"])
        assert text[document.meta["start"] : document.meta["end"]] == document.content
        assert document.meta["source"] == f"{document.meta['name']}.txt"
    assert len(retriever.run(QUESTION, top_k=1)["documents"]) == 1
    with pytest.raises(InvalidInput, match="question"):
        retriever.run(" ")


def test_filters_come_from_the_run_or_the_retriever(settings: Settings) -> None:
    retriever = LectorHybridRetriever(data=str(settings.data), filters=BAKERY)
    assert {d.meta["name"] for d in retriever.run(QUESTION)["documents"]} == {"bakery"}
    museum = {**BAKERY, "value": "museum"}
    assert {d.meta["name"] for d in retriever.run(QUESTION, filters=museum)["documents"]} == {"museum"}


def test_a_retriever_brings_no_more_of_a_document_than_it_may(settings: Settings) -> None:
    retriever = LectorHybridRetriever(data=str(settings.data), per_document=1)
    assert retriever.to_dict()["init_parameters"]["per_document"] == 1
    assert sorted(d.meta["name"] for d in retriever.run(QUESTION)["documents"]) == sorted(TEXTS)


def test_an_unknown_collection_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no collection 'default'"):
        LectorHybridRetriever(data=str(tmp_path)).run(QUESTION)


def test_the_reader_reads_plain_haystack_documents() -> None:
    documents = [
        Document(id="a", content="The tower was built in 1873."),
        Document(id="b", content=None),
        Document(id="c", content="It was finished in 1873, as the sign 🗼 says."),
    ]
    reader = LectorReader(min_confidence=0.0, top_k=20)
    found = reader.run("When was the tower built?", documents)
    assert found["answers"]
    for answer in found["answers"]:
        assert answer.document in documents
        assert answer.context == answer.document.content
        span = answer.document_offset
        assert answer.document.content[span.start : span.end] == answer.data
        assert (answer.meta["document_id"], answer.meta["start"]) == (answer.document.id, span.start)
    assert len(reader.run("When was the tower built?", documents, top_k=1)["answers"]) == 1
    assert reader.run("When?", []) == {"answers": [], "no_answer_confidence": 1.0}
    assert LectorReader(min_confidence=1.1).run("When?", documents)["answers"] == []


def test_the_reader_stops_early_where_it_may() -> None:
    documents = [Document(content="The tower was built in 1873 by Ada Lovelace.", score=1.0)]
    documents += [Document(content=f"Bread rests for {hours} hours.", score=0.1) for hours in range(2, 10)]
    whole, early = (
        LectorReader(min_confidence=0.0, top_k=50, early_exit=early_exit).run("When was the tower built?", documents)
        for early_exit in (False, True)
    )
    assert whole["answers"][0].data == early["answers"][0].data == "1873"
    assert {answer.document.id for answer in whole["answers"]} == {document.id for document in documents}
    assert {answer.document.id for answer in early["answers"]} == {documents[0].id}


def test_chunks_that_share_a_document_id_but_no_place_in_it_are_texts_of_their_own() -> None:
    texts = {"The tower was built in 1873.": {}, "The tower was built in 1991.": {"start": "2024-01-01"}}
    documents = [Document(content=text, score=0.5, meta={"document_id": "x", **meta}) for text, meta in texts.items()]
    answers = LectorReader(min_confidence=0.0, top_k=20).run("When was the tower built?", documents)["answers"]
    assert {"1873", "1991"} <= {answer.data for answer in answers}


def test_seconds_of_a_recording_are_not_taken_for_places_in_a_document() -> None:
    seconds = {"The tower was built in 1873.": (0, 6), "The tower was built in 1991.": (6, 12)}
    documents = [
        Document(content=text, score=0.5, meta={"document_id": "x", "start": start, "end": end})
        for text, (start, end) in seconds.items()
    ]
    answers = LectorReader(min_confidence=0.0, top_k=20).run("When was the tower built?", documents)["answers"]
    assert {"1873", "1991"} <= {answer.data for answer in answers}
    for answer in answers:
        assert answer.document.content[answer.meta["start"] : answer.meta["end"]] == answer.data
