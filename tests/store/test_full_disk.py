"""A disk without room: a limit on the size of files stands for it, so that every write beyond it really fails."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import store.views
from store.catalog import Catalog
from store.collection import Collection
from store.errors import Unavailable
from tests.store.made import ENCODER, assert_views_agree, document


@contextmanager
def no_room(beyond: int = 0) -> Iterator[None]:
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (beyond, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def test_a_collection_is_closed_though_there_is_no_room_for_its_snapshot(collection: Collection) -> None:
    collection.write([document("a", "every a")])
    with no_room():
        collection.close()
    assert not list(collection.folder.glob("dense.*"))
    again = Collection(collection.folder, ENCODER)
    assert_views_agree(again)
    again.close()
    assert [path.name for path in collection.folder.glob("dense.*")] == ["dense.snapshot"]


def test_a_collection_is_opened_though_there_is_no_room_for_a_snapshot_that_is_due(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.write([document(str(i), f"every {i}") for i in range(6)])
    monkeypatch.setattr(store.views, "SNAPSHOT_EVERY", 5)
    with no_room():
        other = Collection(collection.folder, ENCODER)
        assert_views_agree(other)
    other.write([document("more", "every more")])
    assert (collection.folder / "dense.snapshot").exists()
    other.close()


def test_a_database_that_there_is_no_room_to_open_is_not_called_damaged(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path, ENCODER)
    catalog.get("letters", create=True).write([document("a", "every a")])
    catalog.close()
    with no_room():
        with pytest.raises(Unavailable, match=r"lector\.db cannot be opened now \(disk I/O error\); see whether"):
            catalog.get("letters")
        assert "see whether its disk is full" in catalog.describe("letters").reason
    assert_views_agree(catalog.get("letters"))
    catalog.close()


def test_a_search_says_that_there_is_no_room_for_the_sparse_view(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Collection(collection.folder, ENCODER)
    with monkeypatch.context() as patched:
        patched.setattr(other, "refresh", lambda: None)  # its transaction is through, its views are still behind
        other.write([document("a", "every a")])
    with no_room():
        for _ in range(2):
            with pytest.raises(Unavailable, match="free some space on its disk"):
                collection.search_sparse("every", 5)
    assert_views_agree(collection)
    assert_views_agree(other)
    other.close()


@pytest.mark.parametrize("room", [0, 20_000, 100_000])
def test_a_backup_and_a_restoring_that_there_is_no_room_for_leave_nothing(tmp_path: Path, room: int) -> None:
    catalog = Catalog(tmp_path / "data", ENCODER)
    collection = catalog.create("letters")
    collection.write([document(str(i), "every letter " * 500) for i in range(50)])
    collection.backup(tmp_path / "backup")
    with no_room(room):
        with pytest.raises(Unavailable, match=r"/second cannot be written now \(.*\); see whether its disk is full"):
            collection.backup(tmp_path / "second")
        with pytest.raises(
            Unavailable, match=r"backup cannot be copied to .*data now \(.*\); see whether its disk is full"
        ):
            catalog.restore(tmp_path / "backup", "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "data"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["letters"]
    assert_views_agree(catalog.restore(tmp_path / "backup", "again"))
    catalog.close()
