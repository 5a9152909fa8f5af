"""A process that opens a collection and obeys until it is killed, seen from outside."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any


class Ended(Exception):
    """The process is gone."""


class Child:
    """The process, seen from outside."""

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        """Start it, by a command that is given the rest of its line; it need not be waited for."""
        pipe, its_end = os.pipe()
        command = [*prefix, sys.executable, "-m", "benchmarks.durability.servant", str(its_end)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[its_end], text=True, encoding="utf-8"
        )
        os.close(its_end)
        self.region = ""
        self.visits: list[tuple[str, int, int]] = []  # region, ns, events
        self._aim: tuple[str, float] | None = None
        self._listener = threading.Thread(target=self._listen, args=(pipe,), daemon=True)
        self._listener.start()

    def tell(self, kind: str, **values: Any) -> None:
        """Give an order. The next call must be `hear`."""
        with suppress(BrokenPipeError):  # that it is gone, `hear` says
            print(json.dumps({"kind": kind, **values}), file=self._process.stdin, flush=True)

    def hear(self) -> dict[str, Any]:
        """The reply: `warnings` of the store, `error` and `message` if the order failed.

        Raises:
            Ended: the process has died of it.
        """
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if not line.endswith("\n"):
            raise Ended
        reply: dict[str, Any] = json.loads(line)
        return reply

    def ask(self, kind: str, **values: Any) -> dict[str, Any]:
        """Give an order and wait for the reply."""
        self.tell(kind, **values)
        return self.hear()

    def kill_in(self, region: str, after_s: float) -> None:
        """SIGKILL so long after it enters a region next; it dies wherever it is then."""
        self._aim = (region, after_s)

    def close(self) -> int:
        """End it, where it is not dead, and return its exit status, below 0 for a signal."""
        with suppress(BrokenPipeError):
            self._process.stdin.close()  # type: ignore[union-attr]
        status = self._process.wait()
        self._listener.join()
        self._process.stdout.close()  # type: ignore[union-attr]
        return status

    def _listen(self, pipe: int) -> None:
        entered = 0
        with os.fdopen(pipe, encoding="utf-8") as lines:
            for line in lines:
                region, now, events = line.rstrip("\n").split(",")
                self.visits.append((self.region, int(now) - entered, int(events)))
                self.region, entered = region, int(now)
                if self._aim is not None and self._aim[0] == region:
                    time.sleep(self._aim[1])
                    self._process.kill()
                    self._aim = None
