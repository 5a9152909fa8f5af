"""The demo, end to end: Python's language reference, asked the questions in tests/data."""

import json
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from indexer.job import index_demo
from models.normalization import normalize_answer
from models.pipeline import QuestionAnswerer
from models.settings import Settings
from store.catalog import Catalog
from store.collection import Collection
from tests.progress import Counting

QUESTIONS = json.loads((Path(__file__).parent.parent / "data" / "python_questions.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def answerer(tmp_path_factory: pytest.TempPathFactory) -> QuestionAnswerer:
    return QuestionAnswerer.load(Settings(data=tmp_path_factory.mktemp("demo")))


@pytest.fixture(scope="module")
def reference(answerer: QuestionAnswerer) -> Iterator[Collection]:
    catalog = Catalog(answerer.settings.data, answerer.encoder.identity)
    collection = catalog.get("default", create=True)
    assert index_demo(collection, answerer.encoder, Counting()).documents == len(topics)
    yield collection
    catalog.close()


def test_indexing_the_demo_again_changes_nothing(answerer: QuestionAnswerer, reference: Collection) -> None:
    before = reference.state()
    assert index_demo(reference, answerer.encoder, Counting()).unchanged == 1
    assert reference.state() == before


def test_most_questions_get_the_right_span_first(answerer: QuestionAnswerer, reference: Collection) -> None:
    wrong = {}
    for asked in QUESTIONS["answerable"]:
        outcome = answerer.ask(reference, asked["question"], min_confidence=0)
        best = outcome.answers[0]
        text = reference.document_text(best.retrieved.passage.document.id)
        assert text[best.start : best.end] == best.text
        if normalize_answer(best.text) not in map(normalize_answer, asked["answers"]):
            wrong[asked["question"]] = best.text
    assert len(wrong) <= 3, wrong


def test_most_questions_without_an_answer_get_none(answerer: QuestionAnswerer, reference: Collection) -> None:
    answered = [q for q in QUESTIONS["unanswerable"] if answerer.ask(reference, q).answers]
    assert len(answered) <= 1, answered
