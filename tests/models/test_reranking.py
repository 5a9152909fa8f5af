"""The reader's second look at passages that were found."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from models.encoder import Encoder
from models.reader import Reader, load_reader
from models.reranking import READER_WEIGHT, reranked
from models.retrieval import retrieve
from store.collection import Collection
from tests.models.made import TEXTS, collection_of, embedded

QUESTION = "Where did the baker learn her craft?"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_reader("base", 1)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Collection]:
    made = collection_of(tmp_path_factory.mktemp("reranking") / "default", encoder, embedded(encoder, TEXTS))
    yield made
    made.close()


def test_what_holds_an_answer_comes_before_what_ranked_above_it(
    collection: Collection, encoder: Encoder, reader: Reader
) -> None:
    found = retrieve(collection, encoder, QUESTION, 7)
    worst_first = tuple(reversed([replace(one, score=1 - rank / 10) for rank, one in enumerate(found.passages)]))
    upside_down = replace(found, passages=tuple(replace(one, score=1.0) for one in worst_first))
    again = reranked(QUESTION, upside_down, reader)
    assert "Vienna" not in upside_down.passages[0].passage.text
    assert "learned the craft in Vienna" in again.passages[0].passage.text
    assert {one.passage.id for one in again.passages} == {one.passage.id for one in found.passages}
    scores = [one.score for one in again.passages]
    assert scores == sorted(scores, reverse=True)
    assert all(1 - READER_WEIGHT <= score <= 1 for score in scores), "each was as good as the best for retrieval"
    assert again.rerank_ms > 0
    assert (again.encode_ms, again.retrieve_ms) == (found.encode_ms, found.retrieve_ms)


def test_a_passage_without_a_word_and_a_search_without_a_passage(
    collection: Collection, encoder: Encoder, reader: Reader
) -> None:
    found = retrieve(collection, encoder, QUESTION, 1)
    (first,) = found.passages
    blank = replace(first, passage=replace(first.passage, text=" \n "), score=0.5)
    again = reranked(QUESTION, replace(found, passages=(blank, first)), reader).passages
    assert [one.passage.text for one in again] == [first.passage.text, " \n "]
    assert again[1].score == pytest.approx((1 - READER_WEIGHT) * 0.5 / first.score)
    assert reranked(QUESTION, replace(found, passages=()), reader).passages == ()
