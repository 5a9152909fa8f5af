"""Documents at rest: writing, replacing, deleting, sources, and what is counted."""

import hashlib
import math
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from store.collection import Collection
from store.errors import Conflict, Duplicate, InvalidInput, NotFound, Unavailable
from store.records import NewDocument, NewPassage
from store.views import EncoderIdentity
from tests.store.made import ENCODER, assert_views_agree, document, embedding, found_ids

NAMED_A = {"field": "id", "operator": "==", "value": "a"}


def test_a_document_is_found_as_it_was_written(collection: Collection) -> None:
    text = "Every Straße\u00a0has cafe\u0301s 🗼 and\ttabs."
    collection.write([document("a", text, parts=3, title="Streets", source="a.txt", meta={"year": 1999, "ß": ["é"]})])
    (stored,) = collection.documents()
    assert (stored.id, stored.title, stored.source, stored.meta) == (
        "a",
        "Streets",
        "a.txt",
        {"year": 1999, "ß": ["é"]},
    )
    assert stored.content_hash == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert collection.document_text("a") == text
    hits = collection.search_dense(embedding(text[: len(text) // 3]), 3)
    passages = collection.passages([hit.number for hit in hits])
    best = passages[hits[0].number]
    assert hits[0].score == pytest.approx(1.0, abs=1e-5)
    assert (best.id, best.ordinal, best.start, best.text) == ("a:0", 0, 0, text[: len(text) // 3])
    assert all(text[p.start : p.end] == p.text for p in passages.values())
    stored_embedding = collection.embeddings([best.number])[best.number]
    np.testing.assert_array_equal(stored_embedding, embedding(best.text))


def test_writing_again_replaces(collection: Collection) -> None:
    collection.write([document("a", "every apple", parts=2), document("b", "every banana")])
    collection.write([document("a", "every cherry")])
    assert [d.id for d in collection.documents()] == ["b", "a"]
    assert collection.document_text("a") == "every cherry"
    assert found_ids(collection, "apple") == []
    assert found_ids(collection, "cherry") == ["a"]
    assert_views_agree(collection)


def test_of_one_id_twice_in_a_batch_the_last_one_stays(collection: Collection) -> None:
    collection.write([document("a", "every apple"), document("a", "every cherry")])
    assert collection.document_text("a") == "every cherry"
    assert_views_agree(collection)


def test_deleting_returns_how_many_there_were(collection: Collection) -> None:
    collection.write([document(i, f"every letter {i}") for i in "abc"])
    assert collection.delete(["a", "c", "unknown", "a"]) == 2
    assert [d.id for d in collection.documents()] == ["b"]
    assert_views_agree(collection)
    with pytest.raises(NotFound, match="'letters' has no document 'a'"):
        collection.document_text("a")


def test_what_is_there_already_is_replaced_skipped_or_refused(collection: Collection) -> None:
    collection.write([document("a", "every apple"), document("b", "every banana")])
    new = [document("a", "every cherry"), document("c", "every cherry"), document("c", "every date")]
    before = collection.state()
    with pytest.raises(Duplicate, match="'a' is in collection 'letters' already"):
        collection.write([document("d", "every date"), new[0]], "fail")
    with pytest.raises(Duplicate, match="'c' comes twice"):
        collection.write(new[1:], "fail")
    assert collection.state() == before
    assert collection.write(new, "skip") == 1
    assert [collection.document_text(i) for i in "abc"] == ["every apple", "every banana", "every cherry"]
    assert collection.write(new) == 2
    assert [collection.document_text(i) for i in "abc"] == ["every cherry", "every banana", "every date"]
    assert collection.write([document("d", "every elder")], "fail") == 1
    assert_views_agree(collection)


def test_deleting_by_a_filter_and_everything(collection: Collection) -> None:
    collection.write([document(i, f"every letter {i}", meta={"vowel": i in "ae"}) for i in "abcde"])
    vowels = {"field": "meta.vowel", "operator": "==", "value": True}
    assert collection.delete_matching(vowels) == 2
    assert collection.delete_matching(vowels) == 0
    assert [d.id for d in collection.documents()] == ["b", "c", "d"]
    with pytest.raises(InvalidInput, match=r"empty filter would match every document; .* delete_all"):
        collection.delete_matching({})
    assert_views_agree(collection)
    collection.finish_source("", "v1", ["b", "c", "d"])
    assert collection.delete_all() == 3
    assert (collection.documents(), collection.source_names()) == ([], [])
    assert_views_agree(collection)


def test_metadata_are_updated_without_touching_passages(collection: Collection) -> None:
    collection.write([document(i, f"every {i}", meta={"kept": [1, 2.0], "x": {"y": 1}}) for i in "ab"])
    numbers = [hit.number for hit in collection.search_sparse("every", 5)]
    assert collection.update_meta(NAMED_A, {"x": None, 'quo"ted.': "ß", "n": 1.0}) == 1
    metas = {d.id: d.meta for d in collection.documents()}
    assert metas["a"] == {"kept": [1, 2.0], "x": None, 'quo"ted.': "ß", "n": 1.0}
    assert isinstance(metas["a"]["n"], float)
    assert metas["b"] == {"kept": [1, 2.0], "x": {"y": 1}}
    assert [hit.number for hit in collection.search_sparse("every", 5)] == numbers
    found = collection.search_sparse("every", 5, {"field": "n", "operator": "==", "value": 1})
    assert [p.document.id for p in collection.passages([hit.number for hit in found]).values()] == ["a"]
    assert_views_agree(collection)
    with pytest.raises(InvalidInput, match="empty filter"):
        collection.update_meta({}, {"x": 1})
    for bad in ({"x": math.inf}, {"x": Path("y")}, {"x": "\ud83d"}):
        with pytest.raises(InvalidInput, match=r"metadata .* cannot be stored"):
            collection.update_meta(NAMED_A, bad)


def test_a_passage_without_an_embedding_is_found_by_its_words_only(collection: Collection) -> None:
    collection.write([NewDocument("a", "every apple", (NewPassage(0, 11, None),)), document("b", "every berry")])
    assert found_ids(collection, "every") == ["a", "b"]
    (only,) = collection.search_dense(embedding("x"), 5)
    assert collection.passages([only.number])[only.number].document.id == "b"
    assert list(collection.embeddings([1, 2])) == [only.number]


def test_embeddings_are_compared_by_their_cosines_and_kept_as_they_are(collection: Collection) -> None:
    far = 50 * embedding("far")
    collection.write([NewDocument("a", "long", (NewPassage(0, 4, far),)), document("b", "near")])
    hits = collection.search_dense(3 * embedding("near"), 2)
    assert [hit.score for hit in hits] == pytest.approx([1.0, float(embedding("far") @ embedding("near"))], abs=1e-5)
    np.testing.assert_array_equal(collection.embeddings([1])[1], far)


def test_a_reading_keeps_its_generation(collection: Collection) -> None:
    collection.write([document("a", "every apple"), document("b", "every berry")])
    with collection.reading() as reading:
        collection.write([document("a", "every cherry"), document("c", "every date")])
        collection.delete(["b"])
        collection.update_meta(NAMED_A, {"x": 1})
        assert [d.id for d in reading.documents()] == ["a", "b"]
        assert reading.document_text("a") == "every apple"
        assert reading.documents({"field": "x", "operator": "==", "value": 1}) == []
        for hits in (reading.search_sparse("every", 9), reading.search_dense(embedding("x"), 9)):
            assert sorted(p.text for p in reading.passages([hit.number for hit in hits]).values()) == [
                "every apple",
                "every berry",
            ]
    assert [d.id for d in collection.documents()] == ["a", "c"]
    assert_views_agree(collection)


def test_a_deleted_passages_number_is_never_used_again(collection: Collection) -> None:
    collection.write([document("a", "every apple")])
    (before,) = collection.search_sparse("apple", 1)
    collection.delete(["a"])
    collection.write([document("a", "every apple")])
    (after,) = collection.search_sparse("apple", 1)
    assert after.number > before.number
    assert collection.passages([before.number]) == {}


def test_finishing_a_source_deletes_what_it_no_longer_holds(collection: Collection) -> None:
    collection.write([document(i, f"every letter {i}", source="letters.txt") for i in "abc"])
    collection.write([document("d", "every letter d", source="other.txt")])
    assert collection.source_fingerprint("letters.txt") is None
    assert collection.finish_source("letters.txt", "v2", ["b"]) == 2
    assert [d.id for d in collection.documents()] == ["b", "d"]
    assert collection.source_fingerprint("letters.txt") == "v2"
    assert collection.finish_source("letters.txt", "v3", ["b"]) == 0
    assert collection.source_fingerprint("letters.txt") == "v3"
    assert_views_agree(collection)


def test_a_sources_fingerprint_is_read_without_those_of_all_others(collection: Collection) -> None:
    for number in range(100):
        collection.finish_source(f"{number}.txt", f"v{number}", [])
    with collection.reading() as reading:
        steps: list[int] = []
        reading._connection.set_progress_handler(lambda: steps.append(1), 1)  # after every step of SQLite's machine
        assert reading.source_fingerprint("70.txt") == "v70"
        assert 0 < len(steps) < 30
        reading._connection.set_progress_handler(None, 1)
    assert collection.source_fingerprint("100.txt") is None


def test_deleting_a_source_deletes_its_documents(collection: Collection) -> None:
    collection.write([document("a", "every a", source="x"), document("b", "every b", source="y")])
    collection.finish_source("x", "v1", ["a"])
    assert collection.delete_source("x") == 1
    assert collection.delete_source("x") == 0
    assert [d.id for d in collection.documents()] == ["b"]
    assert collection.source_names() == ["y"]
    assert_views_agree(collection)


GOOD = document("good", "every good text")
BAD: dict[str, NewDocument] = {
    "passage behind the end": NewDocument("bad", "short", (NewPassage(0, 6, embedding("x")),)),
    "empty passage": NewDocument("bad", "short", (NewPassage(2, 2, embedding("x")),)),
    "negative start": NewDocument("bad", "short", (NewPassage(-1, 2, embedding("x")),)),
    "other dimension": NewDocument("bad", "short", (NewPassage(0, 2, np.ones(9, dtype=np.float32)),)),
    "embedding that is not finite": NewDocument("bad", "short", (NewPassage(0, 2, np.full(8, np.nan, np.float32)),)),
    "meta that is not JSON": replace(GOOD, id="bad", meta={"when": Path("x")}),
    "meta that is not a number": replace(GOOD, id="bad", meta={"size": math.nan}),
    "half a surrogate pair": replace(GOOD, id="bad", title="\ud83d"),
    "half a surrogate pair in meta": replace(GOOD, id="bad", meta={"name": "\ud83d"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_leaves_nothing_of_its_batch(collection: Collection, name: str) -> None:
    collection.write([document("old", "every old text")])
    before = collection.state()
    with pytest.raises(InvalidInput, match="document 'bad'"):
        collection.write([GOOD, document("old", "every new text"), BAD[name]])
    assert collection.document_text("old") == "every old text"
    assert collection.state() == before
    assert_views_agree(collection)


def test_an_error_inside_the_transaction_leaves_nothing(collection: Collection) -> None:
    collection.write([document("old", "every old text")])
    before = collection.state()

    with sqlite3.connect(collection.folder / "lector.db") as database:
        database.execute(
            """CREATE TRIGGER full AFTER INSERT ON documents WHEN new.id = 'last straw' BEGIN
                   SELECT RAISE(ABORT, 'disk full'); END"""
        )
    database.close()
    with pytest.raises(sqlite3.IntegrityError, match="disk full"):
        collection.write([GOOD, document("old", "every new text"), replace(GOOD, id="last straw")])
    assert collection.document_text("old") == "every old text"
    assert collection.state() == before
    collection.write([GOOD])
    assert_views_agree(collection)


def test_a_full_disk_leaves_nothing_of_a_batch(collection: Collection) -> None:
    collection.write([document("old", "every old text")])
    with collection._database.writing() as connection:  # the next transaction has the same connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")
    before = collection.state()
    with pytest.raises(Unavailable, match=r"lector\.db is full; nothing of this batch was written"):
        collection.write([document(str(i), "every long text " * 100) for i in range(99)])
    assert collection.state() == before
    with collection._database.writing() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    collection.write([document("new", "every new text")])
    assert_views_agree(collection)


def test_the_generation_rises_with_every_change_and_only_then(collection: Collection) -> None:
    assert (collection.state().generation, collection.state().documents) == (0, 0)
    seen = [0]
    changes: list[Callable[[], int]] = [
        lambda: collection.write([document("a", "every a", parts=2)]),
        lambda: collection.write([document("a", "every b")]),
        lambda: collection.write([document("bare", "")]),
        lambda: collection.delete(["bare"]),
        lambda: collection.delete_all(),
        lambda: collection.write([document("a", "every a")]),
        lambda: collection.update_meta(NAMED_A, {"x": 1}),
        lambda: collection.delete_matching(NAMED_A),
    ]
    for change in changes:
        change()
        seen.append(collection.state().generation)
    assert seen == sorted(set(seen))
    collection.delete(["a"])
    collection.delete_all()
    collection.delete_matching(NAMED_A)
    collection.update_meta(NAMED_A, {"x": 1})
    collection.finish_source("x", "v", [])
    assert collection.state().generation == seen[-1]


def test_documents_without_passages_are_counted(collection: Collection) -> None:
    collection.write([document("a", "every a")])
    assert collection.state().documents == 1
    collection.write([document("empty", "")])
    assert (collection.state().documents, collection.state().passages) == (2, 1)
    collection.delete(["empty"])
    assert collection.state().documents == 1
    assert_views_agree(collection)


def test_an_empty_collection_finds_nothing(collection: Collection) -> None:
    assert collection.search_dense(embedding("x"), 5) == []
    assert collection.search_sparse("x", 5) == []
    assert collection.documents() == []
    assert collection.passages([]) == {}


def test_another_encoder_is_a_conflict(collection: Collection) -> None:
    for other in (EncoderIdentity("f" * 64, 8), EncoderIdentity(ENCODER.checksum, 9)):
        with pytest.raises(Conflict, match="made with another encoder"):
            Collection(collection.folder, other)
    Collection(collection.folder, ENCODER).close()


def test_a_document_is_found_by_its_very_id(collection: Collection) -> None:
    ids = ("2024-01-01", "2024-01-01T00:00:00")
    collection.write([document(id_, "every day") for id_ in ids])
    with collection.reading() as reading:
        assert [reading.document(id_).id for id_ in ids] == list(ids)
        with pytest.raises(NotFound, match="has no document '2024'"):
            reading.document("2024")
