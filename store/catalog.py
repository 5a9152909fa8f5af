"""All collections below one data directory, by name."""

import os
import re
import shutil
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from store.collection import Collection, Description, Readiness, folder_bytes
from store.database import needing_disk
from store.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable
from store.options import Options
from store.snapshot import sync_folder
from store.views import EncoderIdentity
from store.writer_lock import WriterLock

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DATABASE, _LOCK = "lector.db", "writer.lock"


class Catalog:
    """Opens each collection once in this process and keeps it open.

    Other processes notice at their next use that a collection was deleted or renamed. What is being searched at that
    moment is searched to the end.
    """

    def __init__(self, data: Path, encoder: EncoderIdentity) -> None:
        self._data = data
        self._encoder = encoder
        self._open: dict[str, Collection] = {}
        self._opening: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def names(self) -> list[str]:
        """Names of the collections on disk, sorted."""
        found = (database.parent.name for database in self._data.glob("*/lector.db"))
        return sorted(name for name in found if _NAME.fullmatch(name))

    def get(self, name: str, create: bool = False) -> Collection:
        """The collection of that name; `create` makes one where there is none.

        Raises:
            InvalidInput: a collection cannot have that name.
            NotFound: there is no such collection.
            Conflict: it was made with another encoder, or something else has its name.
            Damaged: its database cannot be read.
            Unavailable: its folder cannot be written.
        """
        self._check(name)
        opened = self._open.get(name)
        if opened is not None and opened.in_place:
            return opened
        self._let_go()
        with self._opening[name]:
            opened = self._open.pop(name, None)
            if opened is None or not opened.in_place:
                if create:
                    self._check_no_other(name)
                else:
                    self._check_there(name)
                opened = Collection(self._data / name, self._encoder)
            self._open[name] = opened
            return opened

    def create(self, name: str, options: Options | None = None) -> Collection:
        """Make a collection.

        Raises:
            Conflict: something of that name is there.
            InvalidInput: a collection cannot have that name or these options.
        """
        self._check(name)
        with self._opening[name]:
            self._check_vacant(name)
            self._open[name] = Collection(self._data / name, self._encoder, options)
            return self._open[name]

    def change(self, name: str, options: Options) -> Collection:
        """Search a collection in another way from now on; the views that this concerns are made anew.

        Other processes that have it open take up another language at their next search, and go on in the old way
        otherwise until they open it again.

        Raises:
            NotFound: there is no such collection.
            InvalidInput: it cannot have these options.
        """
        self.get(name)
        with self._opening[name]:
            self._open[name] = Collection(self._data / name, self._encoder, options)
            return self._open[name]

    def describe(self, name: str) -> Description:
        """What there is to know about a collection, also where it cannot be opened.

        Raises:
            InvalidInput, NotFound: as of `get`.
        """
        self._check(name)
        if self._opening[name].locked():  # it is being opened, which takes long only where views have to be made
            return Description(name, "REBUILDING", bytes=folder_bytes(self._data / name))
        try:
            return self.get(name).describe()
        except (Damaged, Conflict, Unavailable, sqlite3.DatabaseError) as error:
            state: Readiness = "DAMAGED" if isinstance(error, Damaged) else "UNAVAILABLE"
            return Description(name, state, bytes=folder_bytes(self._data / name), reason=str(error))

    def rename(self, name: str, new: str) -> None:
        """Give a collection another name, also one that cannot be opened.

        Raises:
            NotFound: there is no such collection.
            InvalidInput: a collection cannot have the new name.
            Conflict: something of the new name is there, or a writer holds the collection for too long.
        """
        self._check(new)
        with self._alone(name):
            self._move(self._data / name, new)
        self._open.pop(name, None)

    def delete(self, name: str) -> None:
        """Delete a collection with all its documents, also one that cannot be opened.

        Raises:
            NotFound: there is no such collection.
            Conflict: a writer holds it for too long.
        """
        with self._alone(name):
            gone = self._data / f".deleted-{uuid4().hex}"
            (self._data / name).rename(gone)  # all of it at once
            sync_folder(self._data)
        self._open.pop(name, None)
        for left in self._data.glob(".deleted-*"):  # also of a process that was killed while it deleted
            shutil.rmtree(left, ignore_errors=True)

    def restore(self, path: Path, name: str) -> Collection:
        """Make a collection of a file that `Collection.backup` wrote.

        Raises:
            NotFound: there is no such file.
            Conflict: something of that name is there, or the backup was made with another encoder.
            Damaged: the file is no whole backup.
            Unavailable: the disk is full, or cannot be read or written.
        """
        self._check(name)
        if not path.is_file():
            raise NotFound(f"there is no backup {path}")
        with self._opening[name]:
            self._check_vacant(name)
            made = self._data / f".restored-{uuid4().hex}"
            made.mkdir(parents=True)
            try:
                _copy_whole(path, made / _DATABASE)
                Collection(made, self._encoder).close()
                self._move(made, name)
            finally:
                shutil.rmtree(made, ignore_errors=True)
            self._open[name] = Collection(self._data / name, self._encoder)
            return self._open[name]

    def close(self) -> None:
        """Close all collections."""
        while self._open:
            self._open.popitem()[1].close()

    def _exists(self, name: str) -> bool:
        return (self._data / name / _DATABASE).is_file()

    def _check(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name!r} cannot be a collection's name: use 1 to 64 letters, digits, '_' and '-', "
                "beginning with a letter or a digit"
            )

    def _check_there(self, name: str) -> None:
        self._check(name)
        if not self._exists(name):
            known = ", ".join(self.names()) or "none"
            raise NotFound(f"there is no collection {name!r}; known: {known}. `lector index` makes one")

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Keep every writer out of a collection, which need not be opened for it."""
        self._check_there(name)
        with WriterLock(self._data / name).held():
            self._check_there(name)  # another process may have deleted or renamed it meanwhile
            yield

    def _let_go(self) -> None:
        """Keep no collection open that was deleted or renamed elsewhere; what is being searched closes after that."""
        for name, opened in list(self._open.items()):
            if not opened.in_place:
                self._open.pop(name, None)

    def _check_free(self, name: str) -> None:
        if self._exists(name):
            raise Conflict(f"there is a collection {name!r} already; choose another name, or delete that one first")

    def _check_vacant(self, name: str) -> None:
        """Refuse a name that anything in the data directory has, be it a collection or not."""
        self._check_free(name)
        self._check_no_other(name)

    def _check_no_other(self, name: str) -> None:
        """Refuse a name that something else than a collection has, which a deletion would take along.

        A folder with a lock alone is what a writer leaves that came too late for a deletion.
        """
        folder = self._data / name
        if not os.path.lexists(folder):
            return
        if folder.is_symlink() or not folder.is_dir():
            free = self._exists(name)
        else:
            found = {path.name for path in folder.iterdir()}
            free = _DATABASE in found or found <= {_LOCK}
        if not free:
            raise Conflict(
                f"{folder} is there already and is no collection; nothing of it was touched. Choose another name, or "
                "move it away first"
            )

    def _move(self, folder: Path, name: str) -> None:
        """Give a folder the name of a collection, unless another process has meanwhile made something of that name."""
        self._check_vacant(name)
        (self._data / name / _LOCK).unlink(missing_ok=True)
        try:
            folder.rename(self._data / name)  # which replaces an empty folder, and none that holds anything
        except OSError:
            self._check_vacant(name)
            raise
        sync_folder(self._data)


def _copy_whole(path: Path, target: Path) -> None:
    """Copy a database that is whole; `Damaged` where it is not, `Unavailable` where the disk is full or fails."""
    try:
        with (
            needing_disk(f"{path} cannot be copied to {target.parent.parent} now"),
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            problems = [row[0] for row in copy.execute("PRAGMA quick_check(1)")]
            if problems != ["ok"]:
                raise Damaged(f"{path} is not whole ({problems[0]}); restore another backup")
            if not copy.execute("SELECT count(*) FROM sqlite_master WHERE name = 'changes'").fetchone()[0]:
                raise Damaged(f"{path} is not a backup of a collection")
    except sqlite3.DatabaseError as error:
        raise Damaged(f"{path} is not a backup of a collection, or not whole ({error})") from error
