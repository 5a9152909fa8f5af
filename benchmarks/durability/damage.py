"""Files of the views that are damaged between closing and opening: bytes flipped, the file cut, or emptied."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.durability.child import Child, Ended
from benchmarks.durability.kills import INDEXES
from benchmarks.durability.ledger import Ledger, complaints
from models.evaluation.terminal import Track, silently

ORDERS = 6  # between two damages
MOST_FLIPPED = 8  # bits, each of another byte


def damage_files(folder: Path, times: int, seed: int, track: Track = silently) -> dict[str, Any]:
    """Counts of the damages by view and kind, and what failed."""
    chance, failures = random.Random(seed), list[str]()
    views: dict[str, Counter[str]] = {"dense": Counter(), "sparse": Counter()}
    child = Child()
    ledgers = [Ledger(folder / f"damaged-{number}", index) for number, index in enumerate(INDEXES)]
    try:
        for number in track(range(times), "files damaged"):
            ledger = ledgers[number // 2 % len(ledgers)]
            wrong = complaints(ledger.open(child))
            for _ in range(ORDERS):
                wrong += complaints(ledger.order(child, chance))
            wrong += complaints(child.ask("close"))
            view = list(views)[number % 2]
            path = _file(ledger.folder, view, chance)
            kind = damage(path, chance)
            views[view][kind] += 1
            wrong += complaints(ledger.open(child)) + ledger.check(child) + complaints(child.ask("close"))
            failures += [f"damage {number}, {path.name} {kind}: {one}" for one in wrong]
    except Ended:
        failures.append("the process died")
    child.close()
    return {"damages": times, "views": {view: dict(kinds) for view, kinds in views.items()}, "failures": failures}


def damage(path: Path, chance: random.Random) -> str:
    """Flip bytes of a file, cut it, or empty it; which of these."""
    whole = path.read_bytes()
    kind = chance.choices(("flipped", "cut", "emptied"), (4, 1, 1))[0] if whole else "emptied"
    if kind == "flipped":
        content = bytearray(whole)
        for at in chance.sample(range(len(whole)), min(chance.randint(1, MOST_FLIPPED), len(whole))):
            content[at] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
    else:
        path.write_bytes(whole[: chance.randrange(len(whole))] if kind == "cut" else b"")
    return kind


def _file(folder: Path, view: str, chance: random.Random) -> Path:
    if view == "dense":
        return folder / "dense.snapshot"
    return chance.choice(sorted(path for path in (folder / "sparse").iterdir() if path.is_file()))
