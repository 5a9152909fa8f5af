"""The database file: its version, and what is not one."""

import sqlite3
from pathlib import Path

import pytest

import store.schema
from store.collection import Collection
from store.database import Database
from store.errors import Damaged
from tests.store.made import ENCODER, document


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(found)


def test_a_new_database_has_the_newest_schema(collection: Collection) -> None:
    assert version(collection.folder / "lector.db") == len(store.schema.MIGRATIONS)


def test_a_database_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    Database(tmp_path / "lector.db").close()
    connection = sqlite3.connect(tmp_path / "lector.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Damaged, match=r"has schema 99; this version knows \d+\. Upgrade Lector"):
        Collection(tmp_path, ENCODER)
    assert version(tmp_path / "lector.db") == 99


@pytest.mark.parametrize("content", [b"not a database " * 100, b"SQLite format 3\x00" + bytes(10) + b"x" * 4000])
def test_a_file_that_is_no_database_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lector.db").write_bytes(content)
    with pytest.raises(Damaged, match=r"lector\.db is not a readable SQLite database"):
        Collection(tmp_path, ENCODER)
    assert (tmp_path / "lector.db").read_bytes() == content


def test_an_older_database_is_brought_up_to_date_and_keeps_its_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = Collection(tmp_path / "c", ENCODER)
    collection.write([document("a", "every a")])
    collection.close()

    def add_note(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE documents ADD COLUMN note TEXT NOT NULL DEFAULT 'none'")

    monkeypatch.setattr(store.schema, "MIGRATIONS", (*store.schema.MIGRATIONS, add_note))
    newer = Collection(tmp_path / "c", ENCODER)
    assert newer.document_text("a") == "every a"
    newer.close()
    assert version(tmp_path / "c" / "lector.db") == len(store.schema.MIGRATIONS)


def test_metadata_of_an_older_database_can_be_filtered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store.schema, "MIGRATIONS", store.schema.MIGRATIONS[:1])
        older = Collection(tmp_path / "c", ENCODER)
        older.write(
            [document(str(year), "every year", meta={"year": year, "day": f"{year}-05-01"}) for year in (1, 2024)]
        )
        older.close()
    newer = Collection(tmp_path / "c", ENCODER)
    assert [d.id for d in newer.documents({"field": "meta.year", "operator": "==", "value": 1})] == ["1"]
    assert [d.id for d in newer.documents({"field": "meta.day", "operator": ">", "value": "2024-04-30"})] == ["2024"]
    newer.update_meta({"field": "meta.year", "operator": "==", "value": 1}, {"year": 2})
    newer.delete(["2024"])
    with sqlite3.connect(tmp_path / "c" / "lector.db") as connection:
        assert [row[:3] for row in connection.execute("SELECT * FROM attributes")] == [
            ("day", "text", "1-05-01"),
            ("year", "number", 2),
        ]
    connection.close()
    newer.close()


def test_a_failing_migration_leaves_the_version_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Database(tmp_path / "lector.db").close()
    before = version(tmp_path / "lector.db")

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        connection.execute("no SQL")

    monkeypatch.setattr(store.schema, "MIGRATIONS", (*store.schema.MIGRATIONS, fail))
    with pytest.raises(Damaged):
        Database(tmp_path / "lector.db")
    connection = sqlite3.connect(tmp_path / "lector.db")
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    connection.close()
    assert version(tmp_path / "lector.db") == before
