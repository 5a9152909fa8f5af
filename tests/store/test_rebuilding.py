"""Views are only views: lost, stale or damaged ones are made again from the database."""

import json
import random
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

import store.views
from store import seal, snapshot
from store.collection import Collection
from store.dense import DenseView, Recent
from store.nearest import Nearest
from store.views import Views
from tests.store.made import ENCODER, assert_views_agree, document, embedding


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """The folder of a closed collection with several tantivy segments and a snapshot."""
    folder = tmp_path / "letters"
    collection = Collection(folder, ENCODER)
    for letter in "abc":
        collection.write([document(f"{letter}{i}", f"every {letter} {i}", parts=1) for i in range(4)])
    collection.delete(["a1", "b2"])
    collection.close()
    return folder


def assert_opens_whole(folder: Path, passages: int = 10) -> None:
    collection = Collection(folder, ENCODER)
    assert collection.state().passages == passages
    assert_views_agree(collection)
    collection.write([document("new", "every new one")])
    assert_views_agree(collection)
    collection.close()
    again = Collection(folder, ENCODER)
    assert_views_agree(again)
    again.close()


def test_a_collection_is_reopened_whole(closed: Path) -> None:
    assert_opens_whole(closed)


def test_closing_leaves_a_snapshot_and_opening_loads_it(closed: Path) -> None:
    view = snapshot.load(closed / "dense.snapshot", ENCODER.dimension, ENCODER.checksum)
    assert view is not None
    assert len(view) == 10
    collection = Collection(closed, ENCODER)
    assert view.change == collection.state().generation
    collection.close()
    assert not list(closed.glob("*.tmp"))


def test_a_snapshot_is_left_every_so_many_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.views, "SNAPSHOT_EVERY", 5)
    collection = Collection(tmp_path / "letters", ENCODER)
    collection.write([document(str(i), f"every {i}") for i in range(4)])
    assert not (tmp_path / "letters" / "dense.snapshot").exists()
    collection.write([document("more", "every more")])
    assert (tmp_path / "letters" / "dense.snapshot").exists()
    collection.write([document("last", "every last")])
    collection.close()
    again = Collection(tmp_path / "letters", ENCODER)
    assert_views_agree(again)
    again.close()


@pytest.mark.parametrize("lost", ["dense.snapshot", "sparse", "both"])
def test_lost_views_are_made_again(closed: Path, lost: str) -> None:
    if lost != "sparse":
        (closed / "dense.snapshot").unlink()
    if lost != "dense.snapshot":
        shutil.rmtree(closed / "sparse")
    assert_opens_whole(closed)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"lector dense view 2\n", b"lector dense view 2\n00000000\n[]\nx", bytes(500)]
)
def test_a_snapshot_that_is_none_is_ignored(closed: Path, content: bytes) -> None:
    (closed / "dense.snapshot").write_bytes(content)
    assert_opens_whole(closed)


def test_a_snapshot_with_any_byte_wrong_or_missing_is_ignored(closed: Path) -> None:
    path = closed / "dense.snapshot"
    whole = path.read_bytes()
    rng = random.Random(5)
    wrong = [
        whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]
        for at in [*range(250), *range(250, len(whole), 19)]
    ]
    for damaged in [*wrong, *(whole[:at] for at in range(0, len(whole), 31)), whole + b"x"]:
        path.write_bytes(damaged)
        assert snapshot.load(path, ENCODER.dimension, ENCODER.checksum) is None
    path.write_bytes(whole)
    assert snapshot.load(path, ENCODER.dimension, ENCODER.checksum) is not None
    assert snapshot.load(path, ENCODER.dimension, "another encoder") is None
    assert snapshot.load(path, ENCODER.dimension + 1, ENCODER.checksum) is None


def test_a_saved_dense_view_is_loaded_as_it_was(tmp_path: Path) -> None:
    vectors = np.stack([embedding(text) for text in "abcd"])
    nearest = Nearest.build("Flat", ENCODER.dimension, vectors, [(np.array([3, 4]), vectors[:2])])
    recent = Recent(np.array([7, 9]), vectors[2:])
    view = DenseView.of(ENCODER.dimension, 10, nearest).following(recent, np.array([77, 9, 3]), 12)
    nearest = view.nearest.extended(view.recent.numbers, view.recent.vectors)
    view = DenseView.of(ENCODER.dimension, 12, nearest, np.array([False, True, True]))
    snapshot.save(view, tmp_path / "view", "encoder")
    loaded = snapshot.load(tmp_path / "view", ENCODER.dimension, "encoder")
    assert loaded is not None
    assert (loaded.change, len(loaded), loaded.dead) == (12, 2, 1)
    assert loaded.search(embedding("c"), 5) == view.search(embedding("c"), 5)
    assert loaded.search(embedding("c"), 1)[0].number == 7
    more = loaded.nearest.extended(np.array([11]), embedding("e")[None])
    assert len(more) == 4


@pytest.mark.parametrize("files", ["meta.json", "*.term", "*.idx", "*.fast"])
def test_a_damaged_tantivy_folder_is_made_again(closed: Path, files: str) -> None:
    intact = closed.with_name("intact")
    shutil.copytree(closed, intact)
    path = next((closed / "sparse").glob(files))
    data = path.read_bytes()
    for content in (None, b"", data[: len(data) // 2], bytes(len(data))):
        shutil.rmtree(closed)
        shutil.copytree(intact, closed)
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        collection = Collection(closed, ENCODER)
        assert_views_agree(collection)
        collection.close()


def test_any_flipped_byte_of_the_sparse_view_is_noticed(closed: Path) -> None:
    index = closed / "sparse"
    seal.check(index)
    rng = random.Random(6)
    for path in [*index.glob("*.*"), index / "meta.json", index / "meta.crc32"]:
        whole = path.read_bytes()
        if path.name.startswith(".") or path.suffix == ".del":
            continue
        # A footer's last numbers, tantivy's version, are not part of what it protects; the index reads none of them.
        for at in rng.sample(range(len(whole)), min(len(whole), 25)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :])
            if b'"version"' not in whole or at < whole.rindex(b'{"version"'):
                with pytest.raises(ValueError, match=r"checksum|end as"):
                    seal.check(index)
        path.write_bytes(whole)
    seal.check(index)


@pytest.mark.parametrize("suffix", ["term", "idx", "fast", "pos", "fieldnorm", "json"])
def test_a_sparse_view_with_a_flipped_byte_is_made_again(closed: Path, suffix: str) -> None:
    path = next((closed / "sparse").glob(f"*.{suffix}"))
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 4]) + whole[1:])
    assert_opens_whole(closed)


def test_a_tantivy_index_of_another_schema_is_made_again(closed: Path) -> None:
    meta = closed / "sparse" / "meta.json"
    data = json.loads(meta.read_text())
    data["schema"] = data["schema"][1:]
    meta.write_text(json.dumps(data))
    assert_opens_whole(closed)


def test_views_newer_than_a_restored_database_are_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    collection = Collection(folder, ENCODER)
    collection.write([document("a", "every a")])
    collection.close()
    shutil.copyfile(folder / "lector.db", tmp_path / "backup")
    collection = Collection(folder, ENCODER)
    collection.write([document("b", "every b"), document("c", "every c")])
    collection.close()
    shutil.copyfile(tmp_path / "backup", folder / "lector.db")
    restored = Collection(folder, ENCODER)
    assert [d.id for d in restored.documents()] == ["a"]
    assert_views_agree(restored)
    restored.write([document("d", "every d")])
    assert_views_agree(restored)
    restored.close()


def test_views_that_others_moved_on_during_an_opening_are_not_taken_for_those_of_a_restored_database(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both views on disk may be newer than the transaction in which a collection is opened."""
    other = Collection(closed, ENCODER)
    load = Views._load
    kept = closed / "sparse" / "not made anew"

    def others_write_first(views: Views) -> DenseView | None:
        monkeypatch.undo()
        other.write([document("new", "every new one")])
        other.close()
        kept.touch()
        return load(views)

    monkeypatch.setattr(Views, "_load", others_write_first)
    collection = Collection(closed, ENCODER)
    assert (closed / "dense.snapshot").exists()
    assert kept.exists()
    assert_views_agree(collection)
    collection.close()


def test_the_sparse_view_is_made_anew_though_tantivy_puts_a_file_back(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the index is open, tantivy looks for changes now and then, and locks a file for that."""
    collection.write([document("a", "every a")])
    remove = shutil.rmtree

    def remove_and_put_back(path: Path, ignore_errors: bool) -> None:
        remove(path, ignore_errors)
        if path == collection.folder / "sparse":  # it is there that tantivy looks
            path.mkdir()
            (path / ".tantivy-meta.lock").touch()

    monkeypatch.setattr(shutil, "rmtree", remove_and_put_back)
    (collection.folder / "sparse" / "meta.json").unlink()
    again = Collection(collection.folder, ENCODER)
    again.write([document("b", "every b")])
    assert_views_agree(again)
    assert_views_agree(collection)
    assert not (collection.folder / "sparse.gone").exists()
    again.close()


def test_files_that_a_killed_writer_left_in_the_way_are_no_hindrance(closed: Path) -> None:
    index = closed / "sparse"
    for segment in {file.name.split(".")[0] for file in index.glob("*.term")}:
        for opstamp in range(200):
            (index / f"{segment}.{opstamp}.del").touch()
    collection = Collection(closed, ENCODER)
    collection.delete(["a2"])
    assert_views_agree(collection)
    collection.write([document("c", "every c")])
    assert_views_agree(collection)
    collection.close()


def test_the_log_forgets_what_every_view_has_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.views, "SNAPSHOT_EVERY", 5)
    folder = tmp_path / "letters"
    collection = Collection(folder, ENCODER)
    late = Collection(folder, ENCODER)
    for i in range(20):
        collection.write([document(str(i), f"every {i}")])
    collection.delete(["3"])
    generation = collection.state().generation
    with sqlite3.connect(folder / "lector.db") as database:
        (kept,) = database.execute("SELECT count(*) FROM changes").fetchone()
    database.close()
    assert kept < 15
    assert generation == 21
    assert_views_agree(late)  # it has to begin anew, for the log no longer reaches back to where it stands
    assert late.state().generation == generation
    for one in (late, collection):
        one.close()
    shutil.rmtree(folder / "sparse")
    (folder / "dense.snapshot").unlink()
    again = Collection(folder, ENCODER)
    assert_views_agree(again)
    again.write([document("new", "every new")])
    assert_views_agree(again)
    again.close()


def test_an_index_with_many_dead_passages_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.views, "SNAPSHOT_EVERY", 5)
    collection = Collection(tmp_path / "letters", ENCODER)
    collection.write([document(str(i), f"every {i}") for i in range(20)])
    collection.delete([str(i) for i in range(10)])
    assert len(collection._views._dense.nearest) == 10
    assert_views_agree(collection)
    collection.close()
