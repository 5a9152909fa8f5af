"""Both views: what they rank, what they never find, and that filters come first."""

import sqlite3

import numpy as np
import pytest

from store.collection import Collection
from store.dense import DenseView, Recent, unit
from store.errors import InvalidInput
from store.nearest import Nearest
from store.sparse import SparseIndex
from tests.store.made import ENCODER, EVERYTHING, document, embedding, found_ids


def test_dense_scores_are_the_cosines_in_order(collection: Collection) -> None:
    texts = [f"every text {i}" for i in range(40)]
    collection.write([document(str(i), text) for i, text in enumerate(texts)])
    question = embedding("question")
    hits = collection.search_dense(question, 10)
    passages = collection.passages([hit.number for hit in hits])
    cosines = {text: float(embedding(text) @ question) for text in texts}
    expected = sorted(texts, key=lambda text: -cosines[text])[:10]
    assert [passages[hit.number].text for hit in hits] == expected
    assert [hit.score for hit in hits] == pytest.approx([cosines[text] for text in expected], abs=1e-5)


def test_sparse_scores_fall_and_reward_rare_words_titles_and_stems(collection: Collection) -> None:
    collection.write(
        [
            document("common", "every house on the hill"),
            document("rare", "every lighthouse on the hill"),
            document("title", "every tower on the hill", title="The lighthouses"),
        ]
    )
    hits = collection.search_sparse("lighthouse hill", 3)
    passages = collection.passages([hit.number for hit in hits])
    assert {passages[hit.number].document.id for hit in hits[:2]} == {"rare", "title"}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert found_ids(collection, "LIGHTHOUSES") == ["rare", "title"]


def test_filters_come_before_ranking_in_both_views(collection: Collection) -> None:
    good = [document(f"good{i}", "apple " * 5 + str(i), meta={"kept": False}) for i in range(60)]
    weak = [
        document(f"weak{i}", f"an apple among many other words that weaken it {i}", meta={"kept": True}) for i in "ab"
    ]
    collection.write([*good, *weak])
    kept = {"field": "meta.kept", "operator": "==", "value": True}
    question = embedding(good[0].text)
    assert not {"weaka", "weakb"} & {
        p.document.id for p in collection.passages([h.number for h in collection.search_sparse("apple", 10)]).values()
    }
    for hits in (collection.search_sparse("apple", 10, kept), collection.search_dense(question, 10, kept)):
        passages = collection.passages([hit.number for hit in hits])
        assert {p.document.id for p in passages.values()} == {"weaka", "weakb"}
        assert len(hits) == 2
    nothing = {"field": "meta.kept", "operator": "==", "value": "no"}
    assert collection.search_sparse("apple", 10, nothing) == []
    assert collection.search_dense(question, 10, nothing) == []


def test_what_a_filter_keeps_follows_every_change(collection: Collection) -> None:
    other = Collection(collection.folder, ENCODER)
    red = {"field": "meta.colour", "operator": "==", "value": "red"}

    def kept() -> list[str]:
        hits = collection.search_dense(embedding("x"), EVERYTHING, red)
        return sorted(p.document.id for p in collection.passages([hit.number for hit in hits]).values())

    def write(writer: Collection, id_: str, colour: str) -> None:
        writer.write([document(id_, f"every {id_} {colour}", meta={"colour": colour})])

    write(collection, "a", "red")
    write(collection, "b", "blue")
    assert kept() == ["a"]
    write(other, "c", "red")
    write(collection, "d", "red")
    assert kept() == ["a", "c", "d"]
    write(other, "a", "blue")
    collection.delete(["c"])
    assert kept() == ["d"]
    other.update_meta({"field": "id", "operator": "in", "value": ["b", "d"]}, {"colour": "red"})
    assert kept() == ["b", "d"]
    collection.delete_all()
    assert kept() == []
    other.close()


def test_a_reading_of_an_earlier_generation_keeps_its_filter(collection: Collection) -> None:
    red = {"field": "meta.colour", "operator": "==", "value": "red"}
    collection.write([document("a", "every a", meta={"colour": "red"})])
    with collection.reading() as earlier:
        collection.write([document("b", "every b", meta={"colour": "red"})])
        assert len(collection.search_sparse("every", 9, red)) == 2
        assert len(earlier.search_sparse("every", 9, red)) == 1
    assert len(collection.search_sparse("every", 9, red)) == 2


def test_a_filter_does_not_change_the_scores(collection: Collection) -> None:
    collection.write([document(str(i), "apple " * (i + 1) + "pear", meta={"even": i % 2 == 0}) for i in range(10)])
    even = {"field": "meta.even", "operator": "==", "value": True}
    free = {hit.number: hit.score for hit in collection.search_sparse("apple pear", EVERYTHING)}
    for hit in collection.search_sparse("apple pear", EVERYTHING, even):
        assert hit.score == pytest.approx(free[hit.number])


def test_deleted_and_replaced_documents_are_never_found(collection: Collection) -> None:
    rng = np.random.default_rng(7)
    for _ in range(8):
        some = [f"d{i}" for i in rng.choice(20, size=5, replace=False)]
        if rng.random() < 0.5:
            collection.write([document(i, f"every word of {i} {rng.integers(1000)}", parts=2) for i in some])
        else:
            collection.delete(some)
        alive = {d.id for d in collection.documents()}
        for hits in (collection.search_sparse("every word", EVERYTHING), collection.search_dense(embedding("x"), 99)):
            passages = collection.passages([hit.number for hit in hits])
            assert len(passages) == len(hits)
            assert {p.document.id for p in passages.values()} <= alive


USER_TEXTS = [
    'say "every" (now) [or] {never}: AND NOT title:every^2 ~3 -every +every',
    "every:every every: :every",
    "every\\ \\",
    "😀 every 👩‍👩‍👧 é\u0301",
    "every\x00every",
    "* ? /every.*/ every*",
    " ".join(f"word{i}" for i in range(10_000)) + " every",
    "every" + "x" * 100_000 + " every",
]


@pytest.mark.parametrize("text", USER_TEXTS, ids=lambda text: text[:12].encode("unicode-escape").decode())
def test_users_may_write_what_they_like(collection: Collection, text: str) -> None:
    collection.write([document("a", "every apple")])
    assert found_ids(collection, text) == ["a"]


@pytest.mark.parametrize("text", ["", " ", '"', "::", "😀", "()[]{}", "…—", "\x00"])
def test_text_without_a_word_finds_nothing(collection: Collection, text: str) -> None:
    collection.write([document("a", "every apple")])
    assert collection.search_sparse(text, 5) == []


def test_a_limit_below_one_finds_nothing(collection: Collection) -> None:
    collection.write([document("a", "every apple")])
    assert collection.search_sparse("apple", 0) == []
    assert collection.search_dense(embedding("x"), 0) == []


def test_an_embedding_of_another_dimension_is_refused(collection: Collection) -> None:
    with pytest.raises(InvalidInput, match="8 dimensions"):
        collection.search_dense(np.ones(9, dtype=np.float32), 3)


def test_bm25_is_close_to_an_independent_implementation() -> None:
    rng = np.random.default_rng(3)
    words = [f"w{i}" for i in range(30)]
    texts = [" ".join(rng.choice(words, size=rng.integers(3, 20))) for _ in range(50)]
    index = SparseIndex.in_memory()
    index.apply((number, "", text) for number, text in enumerate(texts))
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE texts USING fts5(text)")
    database.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", enumerate(texts))
    for question in ("w1", "w2 w7", "w3 w4 w5 w29"):
        query = "SELECT rowid, -bm25(texts) FROM texts WHERE texts MATCH ?"
        expected = dict(database.execute(query, (" OR ".join(question.split()),)))
        found = {hit.number: hit.score for hit in index.view.search(question, len(texts))}
        assert found.keys() == expected.keys()
        correlation = np.corrcoef([found[n] for n in found], [expected[n] for n in found])[0, 1]
        assert correlation > 0.95
    database.close()


@pytest.mark.parametrize("count", [0, 1, 5, 100, 300], ids=lambda count: f"{count}_of_300")
def test_any_number_of_passages_can_go_or_be_chosen(count: int) -> None:
    numbers = np.arange(10, 910, 3, dtype=np.int64)
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    view = DenseView.of(8, 1, Nearest.build("Flat", 8, vectors, [(numbers, unit(vectors))]))
    chosen = np.random.default_rng(1).choice(numbers, count, replace=False)
    others = np.array([3, 11, 2000])  # of no passage
    left = view.following(Recent(numbers[:0], vectors[:0]), np.concatenate((others, chosen)), 2)
    assert {hit.number for hit in left.search(vectors[0], 999)} == set(numbers.tolist()) - set(chosen.tolist())
    among = np.sort(np.concatenate((others, chosen)))
    assert {hit.number for hit in view.search(vectors[0], 999, among)} == set(chosen.tolist())
