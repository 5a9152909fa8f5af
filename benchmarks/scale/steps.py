"""What is measured of one store at one size. Each step runs in a process of its own: see `benchmarks.scale.process`."""

import time
from collections.abc import Callable, Iterator
from itertools import chain, cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from benchmarks.machine import resident_mb
from benchmarks.scale.corpus import Corpus, Passage, Questions
from benchmarks.scale.exact import missing, recall
from benchmarks.scale.searching import FILTERS, Asking, latency
from benchmarks.scale.subjects import MODES, Kind, Mode, Subject, subject

if TYPE_CHECKING:
    from benchmarks.scale.lector import LectorSubject

Step = Literal["build", "open", "memory", "search", "write", "fall_behind"]


class Plan(BaseModel):
    """How much is measured."""

    model_config = ConfigDict(frozen=True)

    sizes: tuple[int, ...]
    peers: bool = False
    questions: int = 500
    filtered: int = 200  # of these are asked with each filter
    searches: int = 1_000  # before memory is looked at again
    openings: int = 3
    writes: int = 200  # of one document each
    behind: int | None = None  # changes that no snapshot holds; None: as many as there can be
    seconds: float = 60.0  # after which a series of searches ends


class Task(BaseModel):
    """A step, with all that its process has to know."""

    model_config = ConfigDict(frozen=True)

    step: Step
    kind: Kind
    folder: Path  # the store's own
    size: int
    dimension: int
    passages: Path
    vectors: Path  # of the given passages
    questions: Path
    neighbours: Path  # what dense searches should find
    plan: Plan
    mode: Mode = "dense"
    filters: tuple[str, ...] = tuple(FILTERS)

    def store(self) -> Subject:
        return subject(self.kind, self.folder, self.dimension)

    def corpus(self) -> Corpus:
        return Corpus.of(self.passages, self.vectors)


def perform(task: Task) -> dict[str, Any]:
    """The figures of a step."""
    steps: dict[Step, Callable[[Task], dict[str, Any]]] = {
        "build": build,
        "open": open_,
        "memory": memory,
        "search": search,
        "write": write,
        "fall_behind": fall_behind,
    }
    return steps[task.step](task)


def build(task: Task) -> dict[str, Any]:
    """Seconds that writing and saving take, without those in which the passages are made."""
    store, blocks = task.store(), _Clocked(task.corpus().blocks(0, task.size))
    began = time.perf_counter()
    store.build(blocks)
    written = time.perf_counter()
    store.save()
    seconds = written - began - blocks.seconds
    return {
        "seconds": round(seconds, 2),
        "passages_per_second": round(task.size / seconds, 1),
        "save_seconds": round(time.perf_counter() - written, 2),
    }


def open_(task: Task) -> dict[str, Any]:
    """Seconds until a saved store is open, and milliseconds of the first search after that."""
    store, questions = task.store(), Questions.load(task.questions)
    began = time.perf_counter()
    store.open()
    opened = time.perf_counter()
    store.search(MODES[task.kind][-1], questions.texts[0], questions.vectors[0], None)
    return {"seconds": opened - began, "first_search_ms": 1000 * (time.perf_counter() - opened)}


def memory(task: Task) -> dict[str, Any]:
    """Resident memory before a store is opened, after that, and after searches in each of its modes in turn."""
    store, questions = task.store(), Questions.load(task.questions)
    before = resident_mb()
    store.open()
    opened = resident_mb()
    asked, end = 0, time.perf_counter() + task.plan.seconds
    pairs = cycle(zip(questions.texts, questions.vectors, strict=True))
    for (text, vector), mode in islice(zip(pairs, cycle(MODES[task.kind]), strict=False), task.plan.searches):
        store.search(mode, text, vector, None)
        asked += 1
        if time.perf_counter() > end:
            break
    return {"before": before, "opened": opened, "searched": resident_mb(), "searches": asked}


def search(task: Task) -> dict[str, Any]:
    """Latency of one mode without and with filters; of dense search also how much it finds of what is nearest."""
    asking = Asking(task.store(), task.mode, Questions.load(task.questions), task.plan.seconds)
    asking.store.open()
    asking.warm_up()
    everywhere = asking.unfiltered()
    latencies: dict[str, Any] = {"none": everywhere.latency()}
    figures: dict[str, Any] = {"latency_ms": latencies}
    neighbours = np.load(task.neighbours)
    if task.mode == "dense":
        figures["recall"] = round(recall(everywhere.found, neighbours["all"]), 4)
    for name in task.filters:
        first, second = asking.filtered(name, task.size, task.plan.filtered)
        latencies[name] = {"first": first.latency(), "repeated": second.latency()}
        if task.mode == "dense" and name == "1 %":
            figures["recall_in_filter"] = round(recall(first.found, neighbours["in_bucket"]), 4)
            figures["missing_in_filter"] = round(missing(first.found, neighbours["in_bucket"]), 2)
    return figures


def write(task: Task) -> dict[str, Any]:
    """Milliseconds of writes of one new document each, until both views have followed."""
    store, times = _lector(task), []
    for passage in chain.from_iterable(task.corpus().blocks(task.size, task.size + task.plan.writes)):
        began = time.perf_counter()
        store.write([passage])
        times.append(1000 * (time.perf_counter() - began))
    store.save()
    return latency(times)


def fall_behind(task: Task) -> dict[str, Any]:
    """Write until one change more would leave a snapshot, or as many as are planned; nothing is closed after that."""
    store = _lector(task)
    count = store.changes_until_snapshot()
    start = task.size + task.plan.writes
    store.build(task.corpus().blocks(start, start + min(count, task.plan.behind or count)))
    return {"changes": store.changes_unsaved()}


def _lector(task: Task) -> "LectorSubject":
    from benchmarks.scale.lector import LectorSubject

    store = LectorSubject(task.folder, task.dimension)
    store.open()
    return store


class _Clocked:
    """An iterator, and the seconds that were spent in it."""

    def __init__(self, blocks: Iterator[list[Passage]]) -> None:
        self._blocks = blocks
        self.seconds = 0.0

    def __iter__(self) -> Iterator[list[Passage]]:
        return self

    def __next__(self) -> list[Passage]:
        began = time.perf_counter()
        try:
            return next(self._blocks)
        finally:
            self.seconds += time.perf_counter() - began
