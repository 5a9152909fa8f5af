"""Writers that are killed while they write, open and close; the next one finds what they left, and goes on.

Half of them are killed inside a chosen region of the store, at an event of its Python code; half by the clock, so long
after they entered it that they may be anywhere by then, also deep in SQLite, FAISS or tantivy. SIGKILL ends a process,
not the machine: what the kernel had taken over is not lost, as it might be in a power cut.
"""

import random
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.durability.child import Child, Ended
from benchmarks.durability.figures import percentiles
from benchmarks.durability.ledger import Ledger, complaints
from benchmarks.durability.regions import REGIONS
from models.evaluation.terminal import Track, silently

ANYWHERE = "opening"  # where the clock starts that may run out at any time of a writer's life
INDEXES = ("auto", "HNSW32,SQ8")  # of one collection after the other
LIVES = 20  # of the writers of one collection, at most
LONGEST_LIFE_S = 1.0  # of those
FILES = {"lector.db", "dense.snapshot", "sparse", "writer.lock"}  # of a collection that nobody has open
REOPENED_EVERY = 8  # orders
MOST_ORDERS = 400  # of a writer that is to be killed; far fewer take it through every region


@dataclass
class _Tally:
    """What has been counted, and what was learned about where to aim."""

    regions: dict[str, Counter[str]] = field(default_factory=dict)  # by how
    acknowledged: int = 0
    whole: int = 0  # of what was not acknowledged
    absent: int = 0
    checked: int = 0  # documents, by both retrievers, after a kill
    opened_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    ns: dict[str, int] = field(default_factory=dict)  # of the last visit of a region
    events: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Aim:
    """Where a writer shall die: at an event of the region's code, or by the clock."""

    region: str
    how: str  # "line" or "clock"
    orders: int  # before it is aimed at; below 0: before it opens the collection


def kill_writers(folder: Path, kills: int, seed: int, track: Track = silently) -> dict[str, Any]:
    """Counts of the kills by region, of what became of what was not acknowledged, and what failed."""
    chance, tally = random.Random(seed), _Tally()
    lives = min(LIVES, max(kills // len(INDEXES), 1))
    ledger = None
    spare = Child()
    for number in track(range(kills), "writers killed"):
        if ledger is None or number % lives == 0:
            if ledger is not None:
                _finish(ledger, chance, tally)
            collection = number // lives
            ledger = Ledger(folder / str(collection), INDEXES[collection % len(INDEXES)])
        child, spare = spare, Child()  # the next one starts meanwhile
        aim = _aim(number, chance)
        failures = _live_and_die(child, ledger, aim, chance, tally)
        tally.failures += [f"kill {number}, {aim.region} by {aim.how}: {failure}" for failure in failures]
    spare.close()
    if ledger is not None:
        _finish(ledger, chance, tally)
    return {
        "kills": kills,
        "regions": {region: dict(how) for region, how in sorted(tally.regions.items())},
        "acknowledged": tally.acknowledged,
        "not_acknowledged": {"whole": tally.whole, "absent": tally.absent},
        "documents_checked": tally.checked,
        "opened_ms": percentiles(tally.opened_ms),
        "failures": tally.failures,
    }


def _aim(number: int, chance: random.Random) -> _Aim:
    """All regions in turn, then anywhere; by line and by the clock in turn."""
    turn, place = divmod(number, len(REGIONS) + 1)
    if place == len(REGIONS):
        return _Aim(ANYWHERE, "clock", -1)
    return _Aim(REGIONS[place], ("line", "clock")[(turn + place) % 2], chance.randint(-2, 6))


def _live_and_die(child: Child, ledger: Ledger, aim: _Aim, chance: random.Random, tally: _Tally) -> list[str]:
    """Have a writer open, check and write until it is killed, and return what failed."""
    failures: list[str] = []
    with suppress(Ended):
        _live(child, ledger, aim, chance, tally, failures)
    status = child.close()
    if status != -signal.SIGKILL:
        failures.append(f"the writer ended with {status}, not killed, after {MOST_ORDERS} orders at most")
    elif aim.how == "line" and child.region != aim.region:
        failures.append(f"the writer died in {child.region or 'no region'}")
    tally.regions.setdefault(child.region or "between", Counter())[aim.how] += 1
    for region, ns, events in child.visits:
        tally.ns[region] = ns
        if events:
            tally.events[region] = events
    return failures


def _live(child: Child, ledger: Ledger, aim: _Aim, chance: random.Random, tally: _Tally, failures: list[str]) -> None:
    if aim.orders < 0:
        _take_aim(child, aim, chance, tally)
    opened = ledger.open(child)
    failures += complaints(opened)
    if "error" in opened:
        return
    tally.opened_ms.append(opened["ms"])
    candidates = ledger.states
    failures += ledger.check(child)
    tally.checked += len(ledger.states[0])
    if len(candidates) > 1 and candidates[0] != candidates[1]:
        tally.whole += ledger.states[0] == candidates[1]
        tally.absent += ledger.states[0] == candidates[0]
    for order in range(MOST_ORDERS):
        if order == aim.orders:
            _take_aim(child, aim, chance, tally)
        reply = ledger.order(child, chance)
        failures += complaints(reply)
        tally.acknowledged += "error" not in reply
        if order % REOPENED_EVERY == REOPENED_EVERY - 1:
            failures += complaints(child.ask("close")) + complaints(ledger.open(child))


def _take_aim(child: Child, aim: _Aim, chance: random.Random, tally: _Tally) -> None:
    """Somewhere in the next two visits of the region, if these are like the last one; or in the next, by the clock."""
    if aim.how == "line":
        child.ask("kill", region=aim.region, event=chance.randint(1, 2 * tally.events.get(aim.region, 10)))
    elif aim.region == ANYWHERE:
        child.kill_in(ANYWHERE, chance.uniform(0, LONGEST_LIFE_S))
    else:
        child.kill_in(aim.region, chance.uniform(0, tally.ns.get(aim.region, 5_000_000)) / 1e9)


def _finish(ledger: Ledger, chance: random.Random, tally: _Tally) -> None:
    """Nobody is killed any more: all is there, and stays there, and no file is left over."""
    child = Child()
    failures = []
    for _ in range(2):
        failures += complaints(ledger.open(child)) + ledger.check(child)
        failures += complaints(ledger.order(child, chance)) + complaints(child.ask("close"))
    child.close()
    left = sorted({path.name for path in ledger.folder.iterdir()} - FILES)
    if left:
        failures.append(f"files are left over: {', '.join(left)}")
    tally.failures += [f"collection {ledger.folder.name} in the end: {failure}" for failure in failures]
