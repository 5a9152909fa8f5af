"""How a collection is searched: what is kept, what is refused, and what it does to BM25."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from store.collection import Collection
from store.errors import InvalidInput
from store.options import Options
from store.sparse import SparseIndex
from tests.store.made import ENCODER, document

TUNED = Options(title_weight=1.5, depth=50, fusion="rrf", dense_weight=0.25, feedback=0.0)


def test_options_are_kept_with_the_collection(tmp_path: Path) -> None:
    Collection(tmp_path / "tuned", ENCODER, TUNED).close()
    again = Collection(tmp_path / "tuned", ENCODER)
    assert again.options == TUNED
    assert again.describe().options == TUNED
    again.close()


def test_a_collection_that_knows_no_options_has_the_usual_ones(collection: Collection) -> None:
    collection.close()
    with sqlite3.connect(collection.folder / "lector.db") as database:
        database.execute("DELETE FROM settings WHERE key NOT IN ('encoder', 'dimension')")
        database.execute("INSERT INTO settings VALUES ('effort', '99')")  # as earlier versions kept it
    database.close()
    again = Collection(collection.folder, ENCODER)
    assert again.options == Options(effort=99)
    again.close()


def test_options_of_searches_leave_the_views_as_they_are(collection: Collection) -> None:
    collection.write([document(id_, f"every {id_}") for id_ in "abc"])
    collection.close()
    files = [path for path in collection.folder.rglob("*") if path.is_file() and "sparse" in path.parts]
    files.append(collection.folder / "dense.snapshot")
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}
    again = Collection(collection.folder, ENCODER, TUNED)
    assert len(again.search_sparse("every", 9)) == 3
    again.close()
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files} == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"depth": 0}, "depth 0 is below 1"),
        ({"fusion": "max"}, "unknown fusion 'max'; choose of sum, rrf"),
        ({"dense_weight": 1.1}, "dense_weight 1.1 is not between 0 and 1"),
        ({"title_weight": -0.5}, "title_weight -0.5 is not between 0 and 10"),
        ({"feedback": float("nan")}, "feedback nan is not between 0 and 10"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        Collection(tmp_path / "new", ENCODER, replace(Options(), **change))  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


@pytest.fixture
def index() -> SparseIndex:
    made = SparseIndex.in_memory()
    made.apply(
        [
            (1, "Lighthouses", "built on a rock"),
            (2, "A rock", "a lighthouse is what stands here"),
            (3, "", "WHO is it that has an answer"),
            (4, "", "nothing of that"),
        ]
    )
    return made


def scores(index: SparseIndex, question: str, title_weight: float = 1.0) -> dict[int, float]:
    return {hit.number: hit.score for hit in index.view.search(question, 9, None, title_weight)}


def test_a_word_in_a_title_counts_as_much_as_it_shall(index: SparseIndex) -> None:
    once, none, twice = (scores(index, "lighthouse", weight) for weight in (1.0, 0.0, 2.0))
    assert none.keys() == {2}
    assert none[2] == once[2] == twice[2]
    assert twice[1] == pytest.approx(2 * once[1])


def test_stop_words_count_only_where_there_is_nothing_else(index: SparseIndex) -> None:
    assert scores(index, "What is a lighthouse?") == scores(index, "lighthouse")
    assert scores(index, "What is that?").keys() == {2, 3, 4}
    assert scores(index, "").keys() == set()


def test_what_is_written_in_capitals_is_no_stop_word(index: SparseIndex) -> None:
    assert scores(index, "What is WHO?").keys() == {3}
    assert scores(index, "Who has a rock?") == scores(index, "rock")


def test_a_language_may_be_written_with_a_capital() -> None:
    index = SparseIndex.in_memory("English")
    index.apply([(1, "", "what is that"), (2, "", "two lighthouses")])
    assert scores(index, "what is a lighthouse").keys() == {2}


def test_other_languages_have_no_stop_words() -> None:
    index = SparseIndex.in_memory("none")
    index.apply([(1, "", "what is that"), (2, "", "a lighthouse")])
    assert scores(index, "what is a lighthouse").keys() == {1, 2}
