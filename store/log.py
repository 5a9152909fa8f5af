"""The change log of a collection: which passages came and went, in order."""

from sqlite3 import Connection


def generation(connection: Connection) -> int:
    """The number of a collection's last change."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
    return int(row[0]) if row else 0


def reaches(connection: Connection, since: int) -> bool:
    """Whether the log still holds every change after `since`; `since` 0 stands for a view that holds nothing yet."""
    oldest = connection.execute("SELECT min(number) FROM changes").fetchone()[0]
    return since == 0 or since >= generation(connection) or (oldest is not None and oldest <= since + 1)


def added(columns: str, since: int, condition: str = "1", step: int = 1) -> tuple[str, tuple[int, ...]]:
    """A query for the passages `p` that came after `since` and are still there, in the order of their numbers.

    With a step, every step-th only.
    """
    if step > 1:
        condition += f" AND p.number % {step} = 0"
    query, values = matching(columns, since, condition)
    return f"{query} ORDER BY p.number", values


def matching(columns: str, since: int, condition: str) -> tuple[str, tuple[int, ...]]:
    """The same in any order, so that an index may answer it."""
    query = f"SELECT {columns} FROM passages p WHERE {condition}"
    if not since:
        return query, ()
    return f"{query} AND p.number IN (SELECT passage FROM changes WHERE number > ? AND added)", (since,)


def removed(connection: Connection, since: int) -> list[int]:
    """Numbers of the passages that went after `since`."""
    if not since:
        return []
    query = "SELECT passage FROM changes WHERE number > ? AND NOT added AND passage > 0"
    return [row[0] for row in connection.execute(query, (since,))]


def only_passages(connection: Connection, since: int) -> bool:
    """Whether the log knows all changes after `since`, and each is that of a passage: no metadata changed."""
    query = "SELECT EXISTS (SELECT 1 FROM changes WHERE number > ? AND passage = 0)"
    return reaches(connection, since) and not connection.execute(query, (since,)).fetchone()[0]


def note(connection: Connection) -> None:
    """Count a change that no view has to follow, such as that of metadata."""
    connection.execute("INSERT INTO changes (passage, added) VALUES (0, 0)")


def compact(connection: Connection, seen: int) -> None:
    """Forget the changes up to `seen`. A view that is still older has to be made anew."""
    connection.execute("DELETE FROM changes WHERE number <= ?", (seen,))
