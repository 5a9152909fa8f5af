"""A step in a process of its own, so that memory, threads and what is loaded are its own.

python -m benchmarks.scale.process

reads a task from standard input and writes its figures to standard output, both as JSON.
"""

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.scale.steps import Step, Task, perform
from store.errors import LectorError, Unavailable

SEARCHING: tuple[Step, ...] = ("open", "memory", "search")  # on one core; what writes takes all
MOST_HOURS, PEER_MOST_HOURS = 6.0, 0.5  # of a step
_ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
_QUIET = {"HAYSTACK_TELEMETRY_ENABLED": "false", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}


def run(task: Task) -> dict[str, Any]:
    """The figures of a step.

    Raises:
        Unavailable: it failed, or took too long.
    """
    hours = MOST_HOURS if task.kind == "lector" else PEER_MOST_HOURS
    what = f"{task.step} of {task.kind} at {task.size:,} passages"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale.process"],
            input=task.model_dump_json(),
            stdout=subprocess.PIPE,
            env=os.environ | _QUIET | (_ONE_CORE if task.step in SEARCHING else {}),
            text=True,
            encoding="utf-8",
            timeout=3600 * hours,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{what} took longer than {hours:g} hours") from error
    reply: dict[str, Any] = (
        json.loads(done.stdout) if done.stdout else {"error": f"exit code {done.returncode}, see above"}
    )
    if "error" in reply:
        raise Unavailable(f"{what} failed: {reply['error']}")
    return reply


def main() -> None:
    task = Task.model_validate_json(sys.stdin.read())
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no reply
    try:
        reply = perform(task)
    except (LectorError, ImportError, OSError) as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
