"""A subject in a process of its own, driven over a pipe, so that memory and threads are its own.

python -m benchmarks.worker KIND SOURCE THREADS

Requests and replies are lines of JSON, on standard input and output.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from benchmarks.machine import resident_mb
from benchmarks.subjects import Kind, load_subject
from store.errors import LectorError, Unavailable


class Worker:
    """The process, seen from outside. It is ready when the constructor returns."""

    def __init__(self, name: str, kind: Kind, source: str, threads: int) -> None:
        """Start the process and load the reader.

        Raises:
            Unavailable: it cannot be loaded.
        """
        self.name = name
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), str(threads))
        quiet = {
            "HAYSTACK_TELEMETRY_ENABLED": "false",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
            "TRANSFORMERS_VERBOSITY": "error",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", kind, source, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | limits | quiet,
            text=True,
            encoding="utf-8",
        )
        self.loaded_mb: float = self._reply()["loaded_mb"]

    def answer(
        self, question: str, texts: Sequence[str], scores: Sequence[float] | None = None
    ) -> tuple[dict[str, str], float]:
        """A subject's answers, and the milliseconds that they took inside the process."""
        self._ask({"question": question, "texts": list(texts), "scores": None if scores is None else list(scores)})
        reply = self._reply()
        return reply["answers"], reply["ms"]

    def peak_mb(self) -> float:
        """The most memory that has been resident so far."""
        return resident_mb(self._process.pid)["peak"]

    def close(self) -> None:
        with suppress(BrokenPipeError):  # it may be dead, and the last request still on its way
            self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]

    def _ask(self, request: dict[str, Any]) -> None:
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        except BrokenPipeError as error:
            raise Unavailable(f"{self.name} ended while it was measured") from error

    def _reply(self) -> dict[str, Any]:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        reply: dict[str, Any] = json.loads(line) if line else {"error": f"exit code {self._process.wait()}, see above"}
        if "error" in reply:
            self.close()
            raise Unavailable(f"{self.name} cannot be measured: {reply['error']}")
        return reply


def main() -> None:
    kind, source, threads = sys.argv[1:]
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no reply

    def reply(**values: Any) -> None:
        print(json.dumps(values), file=replies, flush=True)

    try:
        subject = load_subject(kind, source, int(threads))  # type: ignore[arg-type]
    except (LectorError, ImportError, OSError, ValueError) as error:
        reply(error=f"{type(error).__name__}: {error}")
        return
    reply(loaded_mb=resident_mb()["now"])
    for line in sys.stdin:
        request = json.loads(line)
        began = time.perf_counter()
        answers = subject.answer(request["question"], request["texts"], request["scores"])
        reply(answers=answers, ms=1000 * (time.perf_counter() - began))


if __name__ == "__main__":
    main()
