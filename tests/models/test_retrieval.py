"""Retrieval from a real collection, with embeddings that only equal texts share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.evaluation.rankings import OURS
from models.retrieval import Retrieved, RetrieverName, retrieve
from store.collection import Collection
from store.options import Options
from store.reading import Reading
from store.records import Embedding, Hit
from tests.store.made import ENCODER, document, embedding

QUESTION = "What is every hall?"


@pytest.fixture
def halls(tmp_path: Path) -> Iterator[Collection]:
    """One long document that says more of halls than all others, three of one text, and some more."""
    made = Collection(tmp_path / "halls", ENCODER, Options(depth=4))
    long = "".join(f"every hall hall {chr(97 + i)}. " for i in range(20))
    made.write(
        [
            document("long", long, parts=20),
            *(document(f"copy{i}", text) for i, text in enumerate(("A hall  is every.", "a hall is EVERY.", "b hall"))),
            document("same", "A hall  is every."),
            *(document(f"other{i}", f"there was every kind of house with a hall, {i}") for i in range(5)),
        ]
    )
    yield made
    made.close()


def ids(found: tuple[Retrieved, ...]) -> list[str]:
    return [one.passage.document.id for one in found]


@pytest.mark.parametrize("retriever", ["sparse", "hybrid", "dense"])
def test_a_limit_per_document_looks_deeper_until_there_are_enough(halls: Collection, retriever: RetrieverName) -> None:
    question = embedding("x")
    free = retrieve(halls, None, QUESTION, 6, retriever, embedding=question).passages
    limited = retrieve(halls, None, QUESTION, 6, retriever, embedding=question, per_document=1).passages
    assert len(free) == len(limited) == 6
    assert len(set(ids(limited))) == 6
    assert len(set(ids(free))) < 6
    two = ids(retrieve(halls, None, QUESTION, 6, retriever, embedding=question, per_document=2).passages)
    assert max(two.count(id_) for id_ in two) == 2


@pytest.mark.parametrize("retriever", ["sparse", "hybrid", "dense"])
def test_the_first_passages_are_the_same_however_many_are_asked_for(
    halls: Collection, retriever: RetrieverName
) -> None:
    def best(limit: int) -> list[tuple[str, float]]:
        found = retrieve(halls, None, QUESTION, limit, retriever, embedding=embedding("x"), per_document=1).passages
        return [(one.passage.id, one.score) for one in found]

    deepest = best(100)
    assert len(deepest) > 6
    assert all(best(limit) == deepest[:limit] for limit in range(1, len(deepest)))
    scores = [score for _, score in deepest]
    assert scores == sorted(scores, reverse=True)


def test_passages_of_one_text_are_brought_once_with_their_copies(halls: Collection) -> None:
    found = retrieve(halls, None, "a hall is every", 40, "hybrid", embedding=embedding("A hall  is every.")).passages
    assert len(found) == 20 + 2 + 5
    (one,) = [one for one in found if one.copies]
    assert sorted([one.passage.document.id, *(copy.document.id for copy in one.copies)]) == ["copy0", "copy1", "same"]


def test_a_few_copies_are_no_reason_to_search_twice(halls: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    search = Reading.search_dense

    def counted(self: Reading, embedding: Embedding, limit: int, filters: Any = None) -> list[Hit]:
        searched.append(limit)
        return search(self, embedding, limit, filters)

    monkeypatch.setattr(Reading, "search_dense", counted)
    found = retrieve(halls, None, "x", 4, "dense", embedding=embedding("A hall  is every.")).passages
    assert len(found) == 4
    assert len(found[0].copies) == 1
    assert len(searched) == 1


def test_scores_are_of_the_question_itself_and_fall(halls: Collection) -> None:
    question = embedding("x")
    found = retrieve(halls, None, "house", 20, "hybrid", embedding=question).passages
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) <= 1
    for one in found:
        assert one.dense == pytest.approx(float(embedding(one.passage.text) @ question), abs=1e-6)
        assert (one.sparse is None) == ("house" not in one.passage.text)


def test_each_view_alone_scores_as_it_does(halls: Collection) -> None:
    question = embedding("x")
    sparse = retrieve(halls, None, QUESTION, 3, "sparse", embedding=question).passages
    assert all(one.dense is None and one.sparse == one.score for one in sparse)
    dense = retrieve(halls, None, QUESTION, 3, "dense", embedding=question).passages
    assert all(one.sparse is None and one.dense == one.score for one in dense)
    assert [hit.number for hit in halls.search_dense(question, 3)] == [one.passage.number for one in dense]


def test_the_weights_of_a_collection_are_used(halls: Collection) -> None:
    question = embedding("b hall")
    by_option = {}
    for weight in (0.0, 1.0):
        other = Collection(halls.folder, ENCODER, Options(depth=4, dense_weight=weight, feedback=0.0))
        by_option[weight] = retrieve(other, None, "house", 4, "hybrid", embedding=question).passages
        other.close()
    assert ids(by_option[1.0])[0] == "copy2"
    assert all(id_.startswith("other") for id_ in ids(by_option[0.0]))


def test_nothing_is_found_where_there_is_nothing(tmp_path: Path) -> None:
    empty = Collection(tmp_path / "empty", ENCODER)
    for retriever in OURS:
        assert retrieve(empty, None, QUESTION, 5, retriever, embedding=np.ones(8, np.float32)).passages == ()
    empty.close()
