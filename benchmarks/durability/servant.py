"""A process that opens a collection and obeys, driven over pipes until it is killed.

python -m benchmarks.durability.servant PIPE

Orders and replies are lines of JSON, on standard input and output; into PIPE goes the region that it is in. Snapshots
and compaction come every few changes, and indexes are inexact from a few passages on, so that a short life sees them.
"""

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import store.nearest
import store.views
from benchmarks.durability.orders import ENCODER, check, obey
from benchmarks.durability.race import race
from benchmarks.durability.regions import Regions
from store.collection import Collection
from store.errors import LectorError
from store.options import Options

SNAPSHOT_EVERY = 12  # changes
LEAST_INEXACT = 20  # passages


class Servant:
    """Obeys one order after the other; it has one collection open at most."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        self._collection: Collection | None = None
        self._folder, self._options = Path(), Options()

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Raises whatever the collection raises."""
        match order["kind"]:
            case "open" | "close" | "drop":
                return self._hold(order)
            case "set" | "kill" | "fill" | "fill in" | "free":
                self._prepare(order)
            case "check":
                state, wrong = check(self._opened())
                return {"stored": state, "wrong": wrong}
            case "race":
                return race(self._opened(), order["readers"], order["writers"], order["seconds"], order["seed"])
            case _:
                obey(self._opened(), order)
        return {}

    def _hold(self, order: dict[str, Any]) -> dict[str, Any]:
        """Open a collection, close it, or drop it as it is: its connections go, and nothing else is done."""
        if order["kind"] == "open":
            self._folder, self._options = Path(order["folder"]), Options(index=order["index"])
            began = time.perf_counter()
            self._opened()
            return {"ms": 1000 * (time.perf_counter() - began)}
        collection, self._collection = self._collection, None
        if collection is not None and order["kind"] == "close":
            with self._regions.inside("closing"):
                collection.close()
        return {}

    def _prepare(self, order: dict[str, Any]) -> None:
        """For what shall happen to the process, or to its disk."""
        match order["kind"]:
            case "set":
                store.views.SNAPSHOT_EVERY = order["snapshot_every"]
            case "kill":
                sys.settrace(self._regions.killing(order["region"], order["event"]))
            case "fill":
                self._fill(0)
            case "fill in":
                self._fill_in(order["region"], order["free"])
            case "free":
                self._filler.unlink()

    def _opened(self) -> Collection:
        if self._collection is None:
            with self._regions.inside("opening"):
                self._collection = Collection(self._folder, ENCODER, self._options)
        return self._collection

    def _fill_in(self, region: str, free: int) -> None:
        """Fill the disk once the process enters a region."""

        def entered(now: str) -> None:
            if now == region:
                self._regions.entered = lambda _: None
                self._fill(free)

        self._regions.entered = entered

    def _fill(self, free: int) -> None:
        """Fill the disk, all but some bytes."""
        disk = os.statvfs(self._folder)
        handle = os.open(self._filler, os.O_CREAT | os.O_WRONLY)
        try:
            room = disk.f_bavail * disk.f_frsize - free
            if room > 0:
                os.posix_fallocate(handle, os.fstat(handle).st_size, room)
        finally:
            os.close(handle)

    @property
    def _filler(self) -> Path:
        return self._folder.parent / "filler"


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())

    def taken(self) -> list[str]:
        said, self._said = self._said, []
        return said


def main() -> None:
    regions = Regions(int(sys.argv[1]))
    regions.install()
    store.views.SNAPSHOT_EVERY, store.nearest.LEAST_INEXACT = SNAPSHOT_EVERY, LEAST_INEXACT
    warnings = _Warnings()
    logging.basicConfig(handlers=[warnings])
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no reply
    servant = Servant(regions)
    for line in sys.stdin:
        try:
            reply = servant.obey(json.loads(line))
        except Exception as error:  # whatever it is, who gave the order has to judge it
            reply = {"error": type(error).__name__, "message": str(error), "ours": isinstance(error, LectorError)}
        print(json.dumps(reply | {"warnings": warnings.taken()}), file=replies, flush=True)


if __name__ == "__main__":
    main()
