"""The network on ONNX Runtime: rows do not depend on each other, and take no more cores than they may."""

import time
from threading import Lock
from typing import Any

import numpy as np
import pytest

from models.artifact import load_artifact
from models.network import OnnxNetwork

RNG = np.random.default_rng(0)
ROWS = [(RNG.integers(1000, 20_000, size=length), np.zeros(length, dtype=np.int64)) for length in (5, 90, 1, 33, 33)]


def network(threads: int) -> OnnxNetwork:
    return OnnxNetwork(load_artifact("base", "reader").model_path, threads)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_row_does_not_depend_on_the_rows_beside_it(threads: int) -> None:
    running = network(threads)
    together = running.run(ROWS)
    for row, outputs in zip(ROWS, together, strict=True):
        (alone,) = running.run([row])
        assert len(alone) == len(outputs) == 2
        for one, other in zip(alone, outputs, strict=True):
            assert one.shape == (len(row[0]),)
            np.testing.assert_array_equal(one, other)
    assert running.run([]) == []


class Watched:
    """A session that knows how many rows were run, and the most at one time."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._lock = Lock()
        self._now = 0
        self.most = 0
        self.runs = 0

    def run(self, *arguments: Any) -> Any:
        with self._lock:
            self._now += 1
            self.runs += 1
            self.most = max(self.most, self._now)
        time.sleep(0.01)  # so that rows meet that could
        outputs = self._session.run(*arguments)
        with self._lock:
            self._now -= 1
        return outputs


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_that_are_run_beside_a_stream_take_no_further_core(threads: int) -> None:
    running = network(threads)
    watched = Watched(running._session)
    running._session = watched
    for _ in running.stream(ROWS * 3):
        running.run(ROWS[:1])
    assert watched.most == threads


@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_that_is_run_beside_a_stream_does_not_wait_for_the_rest_of_it(threads: int) -> None:
    running = network(threads)
    watched = Watched(running._session)
    running._session = watched
    stream = running.stream(ROWS * 8)
    next(stream)
    running.run(ROWS[:1])
    assert watched.runs <= threads + 3
    stream.close()
