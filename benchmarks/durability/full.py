"""Writers on a disk that runs full: in a transaction, a snapshot, the sparse view or the compaction of the log.

The disk is a tmpfs in a mount namespace of the writer's own, which goes with the writer. A file fills it, all but some
bytes, at the moment when the writer enters the region.
"""

import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.durability.child import Child, Ended
from benchmarks.durability.ledger import Ledger, complaints
from models.evaluation.terminal import Track, silently
from store.errors import Unavailable

DISK = "tmpfs of 64 MB in a mount namespace of its own"
_MOUNT = 'mount -t tmpfs -o size=64m tmpfs "$0" && exec "$@"'
_APART = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNT)
REGIONS = ("transaction", "sparse view", "snapshot", "compaction")
LEAST_FREE, MOST_FREE = 2**10, 2**19  # bytes, when the region is entered
REFUSALS = 3  # writes that a full disk refuses, before it is freed
UNAVAILABLE = "Unavailable: "
MOST_ORDERS = 400  # until it refuses one; far fewer fill what is free


def fill_disks(folder: Path, times: int, seed: int, track: Track = silently) -> dict[str, Any]:
    """Counts of the disks filled, of the writes refused and of what a full disk still allowed, and what failed.

    Raises:
        Unavailable: this machine lets nobody mount a tmpfs.
    """
    check_disk(folder)
    chance, counts = random.Random(seed), Counter[str]()
    regions = dict.fromkeys(REGIONS, 0)
    failures: list[str] = []
    child = Child((*_APART, str(folder)))
    ledger = Ledger(folder / "collection", "auto")
    try:
        failures += complaints(ledger.open(child))
        for number in track(range(times), "disks filled"):
            region = REGIONS[number % len(REGIONS)]
            free = int(LEAST_FREE * (MOST_FREE / LEAST_FREE) ** chance.random())
            child.ask("fill in", region=region, free=free)
            wrong = _until_full(child, ledger, chance, counts)
            wrong += _while_full(child, ledger, chance, counts) + _freed(child, ledger, chance)
            failures += [f"disk {number}, {free} bytes left in the {region}: {one}" for one in wrong]
            regions[region] += 1
    except Ended:
        failures.append("the writer died")
    child.close()
    return {
        "disk": DISK,
        "filled": times,
        "regions": regions,
        "acknowledged": counts["acknowledged"],
        "refused": counts["refused"],
        "while_full": {key: counts[key] for key in ("searched", "searches refused", "opened", "openings refused")},
        "views_left_behind": counts["warned"],
        "failures": failures,
    }


def check_disk(folder: Path) -> None:
    """That a small disk can be made.

    Raises:
        Unavailable: it cannot, with the reason.
    """
    try:
        tried = subprocess.run([*_APART, str(folder), "true"], check=False, capture_output=True, text=True)
        reason = tried.stderr.strip() if tried.returncode else ""
    except OSError as error:
        reason = str(error)
    if reason:
        raise Unavailable(f"no small disk can be mounted here to run full ({reason}); --full 0 leaves that out")


def _until_full(child: Child, ledger: Ledger, chance: random.Random, counts: Counter[str]) -> list[str]:
    """Write until the disk has refused a few times."""
    wrong: list[str] = []
    refused = 0
    for _ in range(MOST_ORDERS):
        reply = ledger.order(child, chance)
        counts["warned"] += bool(reply["warnings"])
        if "error" not in reply:
            counts["acknowledged"] += 1
            continue
        refused += 1
        if reply["error"] != "Unavailable":
            wrong.append(f"{reply['error']}: {reply['message']}")
        if refused == REFUSALS:
            break
    else:
        wrong.append(f"{MOST_ORDERS} writes, and only {refused} of them refused")
    counts["refused"] += refused
    return wrong


def _while_full(child: Child, ledger: Ledger, chance: random.Random, counts: Counter[str]) -> list[str]:
    """Not a byte is left: what is searched or opened is whole, or says that it is not to be had."""
    child.ask("fill")
    wrong = []
    found = ledger.check(child)
    unable = any(one.startswith(UNAVAILABLE) for one in found)
    counts["searches refused" if unable else "searched"] += 1
    wrong += [] if unable else [f"searched while full: {one}" for one in found]
    closed = child.ask(chance.choice(("close", "drop")))
    if "error" in closed:
        wrong.append(f"closed while full: {closed['error']}: {closed['message']}")
    child.ask("fill")  # what SQLite's log took up is free again
    opened = ledger.open(child)
    counts["openings refused" if "error" in opened else "opened"] += 1
    if opened.get("error", "Unavailable") != "Unavailable":
        wrong.append(f"opened while full: {opened['error']}: {opened['message']}")
    return wrong


def _freed(child: Child, ledger: Ledger, chance: random.Random) -> list[str]:
    """With space again: all is there, everything works, and again after opening anew."""
    return [
        *complaints(child.ask("free")),
        *ledger.check(child),
        *complaints(ledger.order(child, chance)),
        *ledger.check(child),
        *complaints(child.ask("close")),
        *complaints(ledger.open(child)),
        *ledger.check(child),
    ]
