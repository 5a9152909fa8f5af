"""All collections below one data directory, by name."""

import re
import threading
from pathlib import Path

from store.collection import Collection
from store.errors import InvalidInput, NotFound
from store.views import EncoderIdentity

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Catalog:
    """Opens each collection once in this process and keeps it open."""

    def __init__(self, data: Path, encoder: EncoderIdentity) -> None:
        self._data = data
        self._encoder = encoder
        self._open: dict[str, Collection] = {}
        self._opening = threading.Lock()

    def names(self) -> list[str]:
        """Names of the collections on disk, sorted."""
        found = (database.parent.name for database in self._data.glob("*/lector.db"))
        return sorted(name for name in found if _NAME.fullmatch(name))

    def get(self, name: str, create: bool = False) -> Collection:
        """The collection of that name; `create` makes one where there is none.

        Raises:
            InvalidInput: a collection cannot have that name.
            NotFound: there is no such collection.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name!r} cannot be a collection's name: use 1 to 64 letters, digits, '_' and '-', "
                "beginning with a letter or a digit"
            )
        with self._opening:
            if name not in self._open:
                if not create and not (self._data / name / "lector.db").is_file():
                    known = ", ".join(self.names()) or "none"
                    raise NotFound(f"there is no collection {name!r}; known: {known}. `lector index` makes one")
                self._open[name] = Collection(self._data / name, self._encoder)
            return self._open[name]

    def close(self) -> None:
        with self._opening:
            for collection in self._open.values():
                collection.close()
            self._open.clear()
