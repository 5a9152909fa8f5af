"""Readers and writers of one collection at once: what was written when, what was seen when, and what is wrong with it.

The documents are written, updated and deleted in batches, and every change of a batch is a step with a number of its
own. So whoever sees two steps within a batch, or another step in another view, has not seen one generation.
"""

import random
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.durability.figures import percentiles
from benchmarks.durability.orders import EVERYTHING, embedding
from store.collection import Collection
from store.reading import Reading
from store.records import NewDocument, NewPassage
from store.views import FOLLOWED_WITHIN_S

BATCHES = 8
DOCUMENTS = 5  # of each
ABSENT, TORN = 0, -1  # instead of a step
STALE_AFTER_S = 1.0
PAUSE_S = 0.02  # at most, between two readings or two writes of a thread


@dataclass(frozen=True)
class Write:
    """A step of one batch, `ABSENT` if it deletes it. Times are monotonic seconds, the same in all processes."""

    batch: int
    step: int
    began: float
    acknowledged: float


@dataclass(frozen=True)
class Sight:
    """What one reading saw: the step of each batch, and the batches that the sparse view did not have yet."""

    began: float
    ended: float
    steps: list[int]
    behind: list[int] = field(default_factory=list)


def race(collection: Collection, readers: int, writers: int, seconds: float, seed: int) -> dict[str, Any]:
    """So many threads of each; `writes`, `sights` and `errors` are what they noted. One writer at most, everywhere."""
    until = time.monotonic() + seconds
    writes: list[Write] = []
    sights: list[Sight] = []
    errors: list[str] = []

    def guarded(work: Any, notes: list[Any], number: int) -> None:
        try:
            work(collection, until, random.Random(seed + number), notes)
        except Exception as error:  # none is expected, whatever it is
            errors.append(f"{type(error).__name__}: {error}")

    jobs = [(read, sights, number) for number in range(readers)] + [(write, writes, readers)] * writers
    threads = [threading.Thread(target=guarded, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"writes": [asdict(one) for one in writes], "sights": [asdict(one) for one in sights], "errors": errors}


def write(collection: Collection, until: float, chance: random.Random, notes: list[Write]) -> None:
    """Change one batch after the other until it is time, and note what was acknowledged when."""
    step = 0
    while time.monotonic() < until:
        step += 1
        batch = chance.randrange(BATCHES)
        of_batch = {"field": "meta.batch", "operator": "==", "value": batch}
        kind = chance.choices(("write", "update", "delete", "delete_matching"), (6, 2, 1, 1))[0]
        began, left = time.monotonic(), step
        if kind == "write":
            collection.write([_document(batch, number, step) for number in range(DOCUMENTS)])
        elif kind == "update":
            left = step if collection.update_meta(of_batch, {"step": step}) else ABSENT
        else:
            left = ABSENT
            if kind == "delete":
                collection.delete([f"b{batch}d{number}" for number in range(DOCUMENTS)])
            else:
                collection.delete_matching(of_batch)
        notes.append(Write(batch, left, began, time.monotonic()))
        time.sleep(chance.random() * PAUSE_S)


def read(collection: Collection, until: float, chance: random.Random, notes: list[Sight]) -> None:
    """Look at everything through both views, and at one batch through a filter, until it is time."""
    while time.monotonic() < until:
        batch = chance.randrange(BATCHES)
        began = time.monotonic()
        with collection.reading() as reading:
            listed, dense, sparse = _seen(reading, None)
            filtered = _seen(reading, {"field": "meta.batch", "operator": "==", "value": batch})
        ended = time.monotonic()
        for steps, one in zip((listed, dense, sparse), filtered, strict=True):
            if steps[batch] != one[batch]:
                steps[batch] = TORN
        behind = [b for b in range(BATCHES) if sparse[b] == ABSENT != listed[b]]
        if ended - began < FOLLOWED_WITHIN_S:  # a search that has not waited has no excuse
            behind = []
        steps = [
            listed[b] if listed[b] == dense[b] and (listed[b] == sparse[b] or b in behind) else TORN
            for b in range(BATCHES)
        ]
        notes.append(Sight(began, ended, steps, behind))
        time.sleep(chance.random() * PAUSE_S)


def _document(batch: int, number: int, step: int) -> NewDocument:
    text = f"Every document {number} of batch {batch} was written at step {step}."
    meta = {"batch": batch, "step": step, "written": step}
    return NewDocument(f"b{batch}d{number}", text, (NewPassage(0, len(text), embedding(text)),), meta=meta)


def _seen(reading: Reading, filters: dict[str, Any] | None) -> tuple[list[int], list[int], list[int]]:
    """The step of each batch as the documents, the dense and the sparse view have it."""
    listed = [(d.meta["batch"], d.meta["step"]) for d in reading.documents(filters)]
    found = [listed]
    for hits in (
        reading.search_dense(embedding("anything"), EVERYTHING, filters),
        reading.search_sparse("every", EVERYTHING, filters),
    ):
        passages = reading.passages([hit.number for hit in hits]).values()
        found.append(
            [
                (p.document.meta["batch"], p.document.meta["step"])
                if p.text.endswith(f"step {p.document.meta['written']}.")
                else (p.document.meta["batch"], TORN)
                for p in passages
            ]
        )
    listed_, dense, sparse = (_steps(some) for some in found)
    return listed_, dense, sparse


def _steps(documents: Sequence[tuple[int, int]]) -> list[int]:
    """The step of each batch: `TORN` where its documents have several, or where some of them are missing."""
    steps = []
    for batch in range(BATCHES):
        found = [step for one, step in documents if one == batch]
        whole = len(found) == DOCUMENTS and len(set(found)) == 1
        steps.append(found[0] if whole else TORN if found else ABSENT)
    return steps


# Afterwards


def judge(writes: Sequence[Write], sights: Sequence[Sight]) -> dict[str, Any]:
    """Staleness of all sights, and what no reader may see. Writes are in their order.

    A sight's staleness is how long, when it began, the first write that it did not see had been acknowledged.
    """
    failures: list[str] = []
    staleness: list[float] = []
    histories = [[Write(b, ABSENT, 0, 0), *(w for w in writes if w.batch == b)] for b in range(BATCHES)]
    acknowledged = [[w.acknowledged for w in history] for history in histories]
    begun = [[w.began for w in history] for history in histories]
    for sight in sights:
        oldest = 0.0
        for batch, step in enumerate(sight.steps):
            history = histories[batch]
            newest = bisect_left(acknowledged[batch], sight.began) - 1  # that it must have seen
            last = bisect_right(begun[batch], sight.ended) - 1  # that it may have seen
            at = next((i for i in range(last, -1, -1) if history[i].step == step), None)
            if step == TORN or at is None:
                how = "torn" if step == TORN else f"at step {step}, as it was not then"
                failures.append(f"batch {batch} was seen {how}")
                continue
            if at < newest:
                stale = sight.began - history[at + 1].acknowledged
                oldest = max(oldest, stale)
                if any(w.step == ABSENT for w in history[at + 1 : newest + 1]) and step != ABSENT:
                    failures.append(f"batch {batch} was seen {1000 * stale:.0f} ms after its deletion")
            if batch in sight.behind and history[at].acknowledged < sight.began - STALE_AFTER_S:
                failures.append(f"sparse search did not see step {step} of batch {batch}, though acknowledged")
        if oldest > STALE_AFTER_S:
            failures.append(f"a search saw what had been replaced {1000 * oldest:.0f} ms before it began")
        staleness.append(1000 * oldest)
    return {
        "staleness_ms": percentiles(staleness),
        "behind": sum(bool(sight.behind) for sight in sights),
        "failures": failures,
    }
