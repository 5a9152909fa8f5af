"""Readers of a collection while it is written: threads of one process, then processes."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from benchmarks.durability.child import Child, Ended
from benchmarks.durability.figures import percentiles
from benchmarks.durability.ledger import Ledger, complaints
from benchmarks.durability.race import Sight, Write, judge

THREADS, PROCESSES = 8, 4  # that read
SNAPSHOT_EVERY = 200  # changes; so that snapshots and compaction happen among the readers


def read_and_write(folder: Path, seconds: float, seed: int) -> dict[str, Any]:
    """What reader threads, and then reader processes, saw beside one writer."""
    return {
        "threads": _race(Ledger(folder / "threads", "auto"), [(THREADS, 1)], seconds, seed),
        "processes": _race(Ledger(folder / "processes", "auto"), [(1, 0)] * PROCESSES + [(0, 1)], seconds, seed),
    }


def _race(ledger: Ledger, shares: list[tuple[int, int]], seconds: float, seed: int) -> dict[str, Any]:
    """Processes with so many reader and writer threads each."""
    failures: list[str] = []
    writes: list[Write] = []
    sights: list[Sight] = []
    with ExitStack() as running:
        children = [running.enter_context(closing(Child())) for _ in shares]
        try:
            for child in children:
                failures += complaints(child.ask("set", snapshot_every=SNAPSHOT_EVERY)) + complaints(ledger.open(child))
            for number, (child, (readers, writers)) in enumerate(zip(children, shares, strict=True)):
                child.tell("race", readers=readers, writers=writers, seconds=seconds, seed=seed + 100 * number)
            for child in children:
                noted = child.hear()
                failures += complaints(noted) + noted["errors"]
                writes += [Write(**one) for one in noted["writes"]]
                sights += [Sight(**one) for one in noted["sights"]]
            for child in children:
                failures += complaints(child.ask("close"))
        except Ended:
            failures.append("a process died")
    if not writes or not sights:
        failures.append(f"{len(writes)} writes and {len(sights)} searches: too few to see anything")
    found = judge(writes, sights)
    return {
        "readers": sum(readers for readers, _ in shares),
        "seconds": seconds,
        "writes": len(writes),
        "searches": len(sights),
        "write_ms": percentiles([1000 * (one.acknowledged - one.began) for one in writes]),
        "search_ms": percentiles([1000 * (one.ended - one.began) for one in sights]),
        **found,
        "failures": failures + found["failures"],
    }
