"""All parts together: what was done to a store, how often, and what was wrong afterwards."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.durability.damage import damage_files
from benchmarks.durability.full import check_disk, fill_disks
from benchmarks.durability.kills import kill_writers
from benchmarks.durability.readers import read_and_write
from benchmarks.machine import machine
from models.evaluation.terminal import Track, silently

PACKAGES = ("faiss-cpu", "tantivy", "numpy")
FAILURES_LISTED = 10  # of each part


@dataclass(frozen=True)
class Plan:
    """How much of what; 0 leaves a part out."""

    kills: int = 200
    full: int = 20
    flips: int = 20
    seconds: float = 120  # of readers and a writer: once with threads, once with processes
    seed: int = 0


def measure_durability(plan: Plan, at: Path | None = None, track: Track = silently) -> dict[str, Any]:
    """The report of `lector benchmark durability`. Collections are made in a folder that goes, below `at`.

    Raises:
        Unavailable: a disk shall run full, and this machine lets nobody mount one.
    """
    with tempfile.TemporaryDirectory(dir=at) as made:
        folder = Path(made)
        parts: dict[str, tuple[float, Callable[[], dict[str, Any]]]] = {
            "kills": (plan.kills, lambda: kill_writers(folder, plan.kills, plan.seed, track)),
            "full_disk": (plan.full, lambda: fill_disks(folder, plan.full, plan.seed, track)),
            "damaged_files": (plan.flips, lambda: damage_files(folder, plan.flips, plan.seed, track)),
            "readers": (plan.seconds, lambda: read_and_write(folder, plan.seconds, plan.seed)),
        }
        if plan.full:
            check_disk(folder)
        report: dict[str, Any] = {"machine": machine(*PACKAGES), "plan": asdict(plan)}
        for name, (amount, part) in parts.items():
            if amount:
                began = time.perf_counter()
                report[name] = part()
                report[name]["took_s"] = round(time.perf_counter() - began, 1)
    failures = {name: _taken(report[name]) for name in parts if name in report}
    listed = [f"{name}: {failure}" for name, some in failures.items() for failure in some[:FAILURES_LISTED]]
    return report | {"failed": sum(map(len, failures.values())), "failures": listed}


def _taken(part: dict[str, Any]) -> list[str]:
    """The failures of a part, and of the parts in it; each keeps the number of its own."""
    taken: list[str] = part.pop("failures", [])
    part["failed"] = len(taken)
    inner = [part[name] for name in ("threads", "processes") if name in part]
    taken += [failure for one in inner for failure in _taken(one)]
    return taken
