"""ONNX Runtime: a model's file, run on the CPU.

Each row runs by itself on one core, several rows at a time. Measured against batches whose operators share the cores,
this is as fast or faster, wastes nothing on padding, and makes a row's result independent of the rows beside it, since
dynamic quantization scales activations by the whole batch.
"""

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from store.errors import Damaged

Ids = NDArray[np.int64]  # (length,)
Outputs = list[NDArray[np.float32]]  # of one row, without the batch axis


class OnnxNetwork:
    """A network with the inputs `input_ids`, `attention_mask` and, where it has them, `token_type_ids`."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Load the network; `threads` 0 takes all cores that this process may use.

        Raises:
            Damaged: ONNX Runtime cannot load the file.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises bare classes of its own, without a common base
            raise Damaged(f"ONNX Runtime cannot load {path}: {error}") from error
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._threads = threads or cores()
        self._workers = ThreadPoolExecutor(self._threads, thread_name_prefix=path.parent.name)

    def run(self, rows: Sequence[tuple[Ids, Ids]]) -> list[Outputs]:
        """The network's outputs for (ids, token types) rows, in order."""
        return list(self.stream(rows))

    def stream(self, rows: Sequence[tuple[Ids, Ids]]) -> Generator[Outputs]:
        """`run`, each row as soon as it is there. Once the iterator is closed, rows not yet begun are left alone.

        Only one row more than there are threads is under way, so that what is asked meanwhile need not wait for all.
        """
        rest = iter(rows)
        waiting = deque(self._workers.submit(self._run, *row) for row in islice(rest, self._threads + 1))
        try:
            while waiting:
                outputs = waiting.popleft().result()
                waiting.extend(self._workers.submit(self._run, *row) for row in islice(rest, 1))
                yield outputs
        finally:
            for row in waiting:
                row.cancel()

    def _run(self, ids: Ids, types: Ids) -> Outputs:
        feed = {"input_ids": ids[None], "attention_mask": np.ones_like(ids)[None], "token_type_ids": types[None]}
        outputs = self._session.run(None, {name: feed[name] for name in self._inputs})
        return [output[0] for output in outputs]


def cores() -> int:
    """How many this process may use; where the system does not tell, all there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
