"""Document stores as they grow: building, opening, searching, memory and disk, of Lector's and of others."""

import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from benchmarks.scale.corpus import COSINE, DROPPED, SWAPPED, Corpus, Questions, encoded, questions_in
from benchmarks.scale.disk import bytes_by_part, forget, remember
from benchmarks.scale.exact import nearest
from benchmarks.scale.process import run
from benchmarks.scale.searching import FILTERS
from benchmarks.scale.steps import Plan, Step, Task
from benchmarks.scale.subjects import MODES, TOP, Kind
from models.encoder import Encoder
from models.evaluation.terminal import Track, silently
from store.errors import Unavailable

PACKAGES = ("faiss-cpu", "tantivy", "numpy", "haystack-ai", "faiss-haystack", "txtai")
PEERS_MOST = 100_000  # passages; beyond, some peers take minutes for a search
PEER_FILTERS = ("1 %",)
SHORT_SECONDS = 10.0  # an opening that takes longer is not repeated
ENCODED = 256  # passages, to say how fast the encoder is

Figures = dict[str, Any]


def benchmark_stores(
    passages: Path,
    questions: Path,
    plan: Plan,
    work: Path,
    encoder: str = "encoder",
    keep: bool = False,
    track: Track = silently,
) -> Figures:
    """The report of `lector benchmark store`.

    `work` keeps the passages' embeddings and, with `keep`, the stores. A peer that cannot be measured has an `error`
    that says why.

    Raises:
        NotFound, InvalidInput: a file is missing, or has lines of another form.
        Unavailable: a step of Lector's failed.
    """
    work.mkdir(parents=True, exist_ok=True)
    loaded = Encoder.load(encoder)
    asked = questions_in(questions, loaded, plan.questions)
    asked.save(work / "questions.npz")
    vectors = encoded(passages, loaded, work, track)
    corpus = Corpus.of(passages, vectors)
    stores = []
    for size in plan.sizes:
        neighbours = _neighbours(corpus, size, asked, work / f"neighbours-{size}.npz")
        for kind in _kinds(plan, size):
            task = Task(
                step="build",
                kind=kind,
                folder=work / "stores" / f"{kind}-{size}",
                size=size,
                dimension=loaded.settings.dimension,
                passages=passages,
                vectors=vectors,
                questions=work / "questions.npz",
                neighbours=neighbours,
                plan=plan,
                filters=tuple(FILTERS) if kind == "lector" else PEER_FILTERS,
            )
            stores.append(measure(task, keep, track))
    return {
        "machine": machine(*PACKAGES),
        "passages": {
            "file": passages.name,
            "given": len(corpus),
            "copies": {"words_dropped": DROPPED, "words_swapped": SWAPPED, "cosine": COSINE},
            "encoded_per_second": _encoding_speed(corpus, loaded),
        },
        "questions": {"file": questions.name, "asked": len(asked.texts), "top": TOP},
        "plan": plan.model_dump(),
        "stores": stores,
    }


def measure(task: Task, keep: bool = False, track: Track = silently) -> Figures:
    """All figures of one store at one size. Its folder is emptied before, and deleted after unless it is to be kept."""
    steps = [_build, _open, _memory, _search, *([_write, _fall_behind] if task.kind == "lector" else [])]
    figures: Figures = {"kind": task.kind, "size": task.size}
    shutil.rmtree(task.folder, ignore_errors=True)
    try:
        for step in track(steps, f"{task.kind}, {task.size:,} passages"):
            step(task, figures)
    except Unavailable as error:
        if task.kind == "lector":
            raise
        figures["error"] = str(error)
    finally:
        if not keep:
            shutil.rmtree(task.folder, ignore_errors=True)
    return figures


def _build(task: Task, figures: Figures) -> None:
    figures["build"] = run(task)
    figures["bytes"] = bytes_by_part(task.folder)


def _open(task: Task, figures: Figures) -> None:
    figures["open"] = {"cold": _opened(task, forget), "warm": _opened(task, remember)}


def _memory(task: Task, figures: Figures) -> None:
    remember(task.folder)
    figures["memory_mb"] = run(_as(task, "memory"))


def _search(task: Task, figures: Figures) -> None:
    remember(task.folder)
    figures["search"] = {mode: run(_as(task, "search", mode=mode)) for mode in MODES[task.kind]}


def _write(task: Task, figures: Figures) -> None:
    figures["write_one_ms"] = run(_as(task, "write"))


def _fall_behind(task: Task, figures: Figures) -> None:
    behind = run(_as(task, "fall_behind"))
    figures["open"]["behind"] = behind | _opened(task, remember)


def _opened(task: Task, before: Callable[[Path], None]) -> Figures:
    """Medians over a few openings, each by another process; `before` is done with the store's folder before each."""
    found: list[dict[str, float]] = []
    while len(found) < task.plan.openings and (not found or found[-1]["seconds"] < SHORT_SECONDS):
        before(task.folder)
        found.append(run(_as(task, "open")))
    medians = {name: statistics.median(opening[name] for opening in found) for name in found[0]}
    return {
        "seconds": round(medians["seconds"], 4),
        "first_search_ms": round(medians["first_search_ms"], 2),
        "n": len(found),
    }


def _as(task: Task, step: Step, **others: Any) -> Task:
    return task.model_copy(update={"step": step, **others})


def _kinds(plan: Plan, size: int) -> list[Kind]:
    return [kind for kind in MODES if kind == "lector" or (plan.peers and size <= PEERS_MOST)]


def _neighbours(corpus: Corpus, size: int, questions: Questions, path: Path) -> Path:
    """Where it is written what dense searches should find."""
    everywhere = nearest(corpus, size, questions.vectors)
    np.savez(path, all=everywhere, in_bucket=nearest(corpus, size, questions.vectors, in_bucket=True))
    return path


def _encoding_speed(corpus: Corpus, encoder: Encoder) -> float:
    some = next(corpus.blocks(0, min(ENCODED, len(corpus))))
    began = time.perf_counter()
    encoder.encode([passage.text for passage in some], [passage.title for passage in some])
    return round(len(some) / (time.perf_counter() - began), 1)
