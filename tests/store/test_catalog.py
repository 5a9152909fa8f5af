"""All collections of a data directory, by name."""

import gc
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import store.catalog
import store.views
from store.catalog import Catalog
from store.collection import Collection
from store.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable
from store.options import Options
from store.views import EncoderIdentity
from tests.store.made import ENCODER, assert_views_agree, document, embedding, found_ids


def test_collections_are_made_and_found_by_name(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path, ENCODER)
    assert catalog.names() == []
    made = catalog.get("b-2", create=True)
    assert catalog.get("b-2") is made
    catalog.get("A_1", create=True)
    (tmp_path / "not one").mkdir()
    (tmp_path / "not one" / "lector.db").touch()
    assert catalog.names() == ["A_1", "b-2"]
    made.write([document("a", "every a")])
    catalog.close()
    again = Catalog(tmp_path, ENCODER)
    assert again.get("b-2").state().documents == 1
    again.close()


def test_an_unknown_name_is_not_found_and_makes_nothing(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path, ENCODER)
    with pytest.raises(NotFound, match="known: none"):
        catalog.get("missing")
    catalog.get("here", create=True)
    with pytest.raises(NotFound, match="known: here"):
        catalog.get("missing")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    catalog.close()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "-a", "_a", "a b", "a\n", "ä", "a.b", "x" * 65, "\x00"])
def test_names_that_could_leave_the_directory_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a collection's name"):
        Catalog(tmp_path, ENCODER).get(name, create=True)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """With one collection, `letters`, of three documents."""
    made = Catalog(tmp_path / "data", ENCODER)
    made.create("letters").write([document(i, f"every letter {i}", parts=1) for i in "abc"])
    yield made
    made.close()


def test_a_collection_is_created_once_with_its_options(catalog: Catalog) -> None:
    options = Options("german", "SQ8", 20)
    made = catalog.create("briefe", options)
    made.write([document("a", "jeder Brief every"), document("b", "zwei Häuser every")])
    assert found_ids(made, "briefe") == ["a"]
    assert found_ids(made, "Haus") == ["b"]
    assert_views_agree(made)
    with pytest.raises(Conflict, match="there is a collection 'briefe' already"):
        catalog.create("briefe")
    made.close()
    again = Collection(made.folder, ENCODER)
    assert again.options == options
    assert found_ids(again, "Haus") == ["b"]
    again.close()
    english = Collection(made.folder, ENCODER, Options())  # the views are made anew
    assert found_ids(english, "Haus") == []
    assert found_ids(english, "häuser") == ["b"]
    assert_views_agree(english)
    english.close()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (Options("klingon"), "no stemmer for the language 'klingon'"),
        (Options(index="HNSW32,SQ7"), "'HNSW32,SQ7' cannot be a dense index of 8 dimensions"),
        (Options(index="PQ2x4"), "IndexPQ takes no filters"),
        (Options(index=""), "cannot be a dense index"),
        (Options(index="HNSW0"), "less than two neighbours"),
        (Options(index="HNSW1,SQ8"), "less than two neighbours"),
        (Options(index="PCA4,IVF4_HNSW1,Flat"), "less than two neighbours"),
        (Options(effort=0), "effort 0 is below 1"),
    ],
)
def test_options_that_cannot_be_are_refused(catalog: Catalog, options: Options, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        catalog.create("new", options)
    assert catalog.names() == ["letters"]


def test_another_language_is_taken_up_by_all_that_have_the_collection_open(catalog: Catalog) -> None:
    held = catalog.get("letters")
    held.write([document("d", "zwei Häuser every")])
    assert (found_ids(held, "Häuser"), found_ids(held, "Haus")) == (["d"], [])
    elsewhere = Catalog(held.folder.parent, ENCODER)
    changed = elsewhere.change("letters", Options("german"))
    index = (held.folder / "sparse").stat().st_ino
    assert found_ids(held, "Häuser") == found_ids(held, "Haus") == ["d"]
    assert held.options == held.describe().options == Options("german")
    changed.write([document("e", "viele Häuser every")])
    assert found_ids(held, "Haus") == ["d", "e"]
    held.write([document("f", "drei Häuser every")])
    for one in (held, changed):
        assert found_ids(one, "Haus") == ["d", "e", "f"]
        assert_views_agree(one)
    assert (held.folder / "sparse").stat().st_ino == index  # which nobody has made anew
    elsewhere.close()


def test_another_language_counts_as_a_change(catalog: Catalog) -> None:
    """What was answered in one language is not remembered in another."""
    catalog.create("briefe", Options("german"))
    assert [catalog.get(name).state().generation for name in ("briefe", "letters")] == [0, 3]
    assert catalog.change("letters", Options(depth=50)).state().generation == 3
    assert catalog.change("letters", Options("german")).state().generation == 4


def test_words_are_searched_in_the_language_before_while_another_process_makes_their_index_anew(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.views, "FOLLOWED_WITHIN_S", 0.0)
    held = catalog.get("letters")
    held.write([document("d", "zwei Häuser every")])
    changed = Collection(held.folder, ENCODER, Options("german"))
    with changed.alone():
        assert (found_ids(held, "Häuser"), found_ids(held, "Haus")) == (["d"], [])
    assert found_ids(held, "Haus") == ["d"]
    changed.close()


def test_a_language_whose_index_was_never_made_is_taken_up(catalog: Catalog) -> None:
    """Whoever set it was killed right after."""
    held = catalog.get("letters")
    held.write([document("d", "zwei Häuser every")])
    with sqlite3.connect(held.folder / "lector.db") as database:
        database.execute("INSERT OR REPLACE INTO settings VALUES ('language', 'german')")
        database.execute("INSERT INTO changes (passage, added) VALUES (0, 0)")
    database.close()
    assert found_ids(held, "Haus") == ["d"]
    assert_views_agree(held)
    again = Collection(held.folder, ENCODER)
    assert found_ids(again, "Haus") == ["d"]
    again.close()


def test_a_collection_is_described(catalog: Catalog) -> None:
    described = catalog.describe("letters")
    assert (described.name, described.state, described.documents, described.passages) == ("letters", "READY", 3, 3)
    assert (described.encoder, described.dimension, described.options) == (ENCODER.checksum, 8, Options())
    assert described.generation == catalog.get("letters").state().generation == 3
    assert described.bytes > (catalog.get("letters").folder / "lector.db").stat().st_size
    other = Collection(catalog.get("letters").folder, ENCODER)
    other.write([document("d", "every d")])
    other.close()
    assert catalog.describe("letters").state == "CATCHING_UP"
    catalog.get("letters").refresh()
    assert catalog.describe("letters").state == "READY"
    with pytest.raises(NotFound):
        catalog.describe("missing")


def test_a_damaged_collection_is_described_as_such(catalog: Catalog) -> None:
    folder = catalog.get("letters").folder
    catalog.close()
    (folder / "lector.db").write_bytes(b"no database " * 1000)
    described = catalog.describe("letters")
    assert (described.state, described.documents) == ("DAMAGED", 0)
    assert "restore it from a backup" in described.reason


def test_a_damaged_collection_gives_way_to_its_backup(catalog: Catalog, tmp_path: Path) -> None:
    collection = catalog.get("letters")
    collection.backup(tmp_path / "backup")
    catalog.close()
    database = collection.folder / "lector.db"
    database.write_bytes(database.read_bytes()[:4096] + b"x" * 40_000)
    with pytest.raises(Damaged, match="restore it from a backup"):
        catalog.get("letters")
    catalog.rename("letters", "old")
    assert found_ids(catalog.restore(tmp_path / "backup", "letters"), "every") == ["a", "b", "c"]
    assert catalog.describe("old").state == "DAMAGED"
    catalog.delete("old")
    assert catalog.names() == ["letters"]


def test_a_collection_of_another_encoder_is_described_renamed_and_deleted(catalog: Catalog) -> None:
    other = Catalog(catalog.get("letters").folder.parent, EncoderIdentity("f" * 64, 8))
    described = other.describe("letters")
    assert described.state == "UNAVAILABLE"
    assert "another encoder" in described.reason
    other.rename("letters", "post")
    assert catalog.get("post").state().documents == 3
    other.delete("post")
    assert catalog.names() == []
    with pytest.raises(NotFound):
        other.delete("post")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be written"):
        Catalog(tmp_path / "file", ENCODER).get("new", create=True)


def test_a_backup_needs_a_folder(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no folder"):
        catalog.get("letters").backup(tmp_path / "missing" / "backup")


def test_a_renamed_collection_is_found_by_its_new_name_only(catalog: Catalog) -> None:
    held = catalog.get("letters")
    elsewhere = Catalog(held.folder.parent, ENCODER)
    elsewhere.get("letters")
    catalog.create("taken")
    with pytest.raises(Conflict, match="there is a collection 'taken' already"):
        catalog.rename("letters", "taken")
    catalog.rename("letters", "post")
    for one in (catalog, elsewhere):
        assert one.names() == ["post", "taken"]
        with pytest.raises(NotFound, match="no collection 'letters'"):
            one.get("letters")
        assert_views_agree(one.get("post"))
    with pytest.raises(NotFound, match="deleted or renamed"):
        held.write([document("d", "every d")])
    assert not (held.folder.parent / "letters").exists()
    catalog.create("letters").write([document("z", "every z")])
    assert found_ids(elsewhere.get("letters"), "every") == ["z"]
    assert found_ids(elsewhere.get("post"), "every") == ["a", "b", "c"]
    elsewhere.close()


@pytest.mark.parametrize("there", ["a folder", "a file", "a link"])
def test_what_is_no_collection_is_neither_renamed_nor_restored_over_nor_made_one(
    catalog: Catalog, tmp_path: Path, there: str
) -> None:
    catalog.get("letters").backup(tmp_path / "backup")
    path = tmp_path / "data" / "archive"
    kept = tmp_path / "thesis.pdf" if there == "a link" else path / "thesis.pdf" if there == "a folder" else path
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("precious")
    if there == "a link":
        path.symlink_to(tmp_path)
    with pytest.raises(Conflict, match=r"archive is there already and is no collection; .* Choose another name"):
        catalog.rename("letters", "archive")
    with pytest.raises(Conflict, match=r"archive is there already and is no collection"):
        catalog.restore(tmp_path / "backup", "archive")
    with pytest.raises(Conflict, match=r"archive is there already and is no collection"):
        catalog.create("archive")
    with pytest.raises(Conflict, match=r"archive is there already and is no collection"):
        catalog.get("archive", create=True)
    assert kept.read_text() == "precious"
    assert sorted(one.name for one in (tmp_path / "data").iterdir()) == ["archive", "letters"]
    assert_views_agree(catalog.get("letters"))


def test_what_was_deleted_elsewhere_does_not_stay_open(catalog: Catalog, tmp_path: Path) -> None:
    left = weakref.ref(catalog.get("letters"))
    elsewhere = Catalog(tmp_path / "data", ENCODER)
    elsewhere.delete("letters")
    elsewhere.close()
    catalog.get("notes", create=True)
    gc.collect()
    assert left() is None


def test_what_a_late_writer_left_is_in_nobodys_way(catalog: Catalog, tmp_path: Path) -> None:
    catalog.get("letters").backup(tmp_path / "backup")
    for name in ("post", "mail"):
        (tmp_path / "data" / name).mkdir()
        (tmp_path / "data" / name / "writer.lock").touch()
    catalog.rename("letters", "post")
    catalog.restore(tmp_path / "backup", "mail")
    assert catalog.names() == ["mail", "post"]
    for name in catalog.names():
        assert_views_agree(catalog.get(name))


def test_a_collection_made_during_a_restoring_stays(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.get("letters").backup(tmp_path / "backup")
    elsewhere = Catalog(tmp_path / "data", ENCODER)
    copy = store.catalog._copy_whole

    def while_another_indexes(path: Path, target: Path) -> None:
        copy(path, target)
        elsewhere.get("again", create=True).write([document("new", "every new")])

    monkeypatch.setattr(store.catalog, "_copy_whole", while_another_indexes)
    with pytest.raises(Conflict, match="there is a collection 'again' already"):
        catalog.restore(tmp_path / "backup", "again")
    assert found_ids(catalog.get("again"), "every") == ["new"]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["again", "letters"]
    elsewhere.close()


def test_a_deleted_collection_is_gone_but_for_searches_that_had_begun(catalog: Catalog) -> None:
    held = catalog.get("letters")
    with held.reading() as reading:
        catalog.delete("letters")
        assert len(reading.search_sparse("every", 5)) == len(reading.search_dense(embedding("x"), 5)) == 3
        assert [d.id for d in reading.documents()] == ["a", "b", "c"]
    assert list(held.folder.parent.iterdir()) == []
    with pytest.raises(NotFound, match="no collection 'letters'"):
        catalog.get("letters")
    with pytest.raises(NotFound, match="deleted or renamed"):
        held.delete(["a"])
    assert list(held.folder.parent.iterdir()) == []
    catalog.create("letters")
    assert catalog.describe("letters").documents == 0


def test_a_backup_made_while_others_write_is_restored_whole(catalog: Catalog, tmp_path: Path) -> None:
    collection = catalog.get("letters")
    done = threading.Event()

    def write() -> None:
        for i in range(1000):
            if done.is_set():
                return
            collection.write([document(f"{i}-{j}", "every apple") for j in range(3)])

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        for i in range(3):
            collection.backup(tmp_path / f"backup{i}")
        done.set()
        writing.result()
    for i in range(3):
        restored = catalog.restore(tmp_path / f"backup{i}", f"restored{i}")
        assert restored.state().documents % 3 == 0
        assert_views_agree(restored)
        restored.write([document("new", "every new")])
        assert_views_agree(restored)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup0", "backup1", "backup2", "data"]


def test_a_backup_that_is_none_is_not_restored(catalog: Catalog, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    catalog.get("letters").backup(backup)
    whole = backup.read_bytes()
    with pytest.raises(Conflict, match="'letters' already"):
        catalog.restore(backup, "letters")
    with pytest.raises(NotFound, match="there is no backup"):
        catalog.restore(tmp_path / "missing", "new")
    for content in (b"", b"x" * 5000, whole[: len(whole) // 2], whole[:4096] + bytes(4096) + whole[8192:]):
        backup.write_bytes(content)
        with pytest.raises(Damaged, match="backup"):
            catalog.restore(backup, "new")
    backup.write_bytes(whole)
    other = Catalog(tmp_path / "data", EncoderIdentity("f" * 64, 8))
    with pytest.raises(Conflict, match="another encoder"):
        other.restore(backup, "new")
    assert catalog.names() == ["letters"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["letters"]
