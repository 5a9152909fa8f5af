"""The database's schema, as numbered migrations; `PRAGMA user_version` says how many have been applied."""

import sqlite3
from pathlib import Path

from store.errors import Damaged


def _first(connection: sqlite3.Connection) -> None:
    for statement in (
        """CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE documents (
               number INTEGER PRIMARY KEY AUTOINCREMENT,
               id TEXT NOT NULL UNIQUE,
               title TEXT NOT NULL,
               source TEXT NOT NULL,
               text TEXT NOT NULL,
               meta TEXT NOT NULL CHECK (json_valid(meta)),
               content_hash TEXT NOT NULL,
               fingerprint TEXT NOT NULL)""",
        "CREATE INDEX documents_by_source ON documents (source)",
        """CREATE TABLE passages (
               number INTEGER PRIMARY KEY AUTOINCREMENT,
               id TEXT NOT NULL UNIQUE,
               document INTEGER NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
               ordinal INTEGER NOT NULL,
               start INTEGER NOT NULL,
               "end" INTEGER NOT NULL CHECK ("end" > start),
               page INTEGER,
               text TEXT NOT NULL,
               embedding BLOB NOT NULL)""",
        "CREATE INDEX passages_by_document ON passages (document, ordinal)",
        # The change log. A passage is added once and removed once, and never altered in between. Passage 0 does not
        # exist: such a change counts a document without passages.
        """CREATE TABLE changes (
               number INTEGER PRIMARY KEY AUTOINCREMENT,
               passage INTEGER NOT NULL,
               added INTEGER NOT NULL)""",
        """CREATE TRIGGER passage_added AFTER INSERT ON passages BEGIN
               INSERT INTO changes (passage, added) VALUES (new.number, 1); END""",
        """CREATE TRIGGER passage_removed AFTER DELETE ON passages BEGIN
               INSERT INTO changes (passage, added) VALUES (old.number, 0); END""",
        """CREATE TRIGGER bare_document_removed BEFORE DELETE ON documents
               WHEN NOT EXISTS (SELECT 1 FROM passages WHERE document = old.number) BEGIN
               INSERT INTO changes (passage, added) VALUES (0, 0); END""",
        # Files that were indexed to their end, with a fingerprint of their bytes and of how they were split.
        """CREATE TABLE sources (source TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) WITHOUT ROWID""",
    ):
        connection.execute(statement)


def _attributes(connection: sqlite3.Connection) -> None:
    columns = "field, kind, value, document"
    row = "json_extract(a.value, '$[0]'), json_extract(a.value, '$[1]'), json_extract(a.value, '$[2]')"
    old = f"SELECT {row}, old.number FROM json_each(attributes_of(old.meta)) a"
    new = f"SELECT {row}, new.number FROM json_each(attributes_of(new.meta)) a"
    delete = f"DELETE FROM attributes WHERE ({columns}) IN ({old})"
    insert = f"INSERT INTO attributes ({columns}) {new}"
    for statement in (
        # What filters ask of the metadata: see `store.attributes`.
        """CREATE TABLE attributes (
               field TEXT NOT NULL,
               kind TEXT NOT NULL,
               value NOT NULL,
               document INTEGER NOT NULL,
               PRIMARY KEY (field, kind, value, document)) WITHOUT ROWID""",
        f"CREATE TRIGGER attributes_added AFTER INSERT ON documents BEGIN {insert}; END",
        f"CREATE TRIGGER attributes_removed AFTER DELETE ON documents BEGIN {delete}; END",
        f"CREATE TRIGGER attributes_changed AFTER UPDATE OF meta ON documents BEGIN {delete}; {insert}; END",
        f"""INSERT INTO attributes ({columns})
            SELECT {row}, d.number FROM documents d, json_each(attributes_of(d.meta)) a ORDER BY 1, 2, 3, 4""",
    ):
        connection.execute(statement)


MIGRATIONS = (_first, _attributes)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a database to the newest version, each step in a transaction of its own.

    Raises:
        Damaged: the database was written by a newer version of Lector.
    """
    while True:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise Damaged(
                f"{path} has schema {version}; this version knows {len(MIGRATIONS)}. Upgrade Lector to open it"
            )
        if version == len(MIGRATIONS):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] == version:
                MIGRATIONS[version](connection)
                connection.execute(f"PRAGMA user_version = {version + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
