"""Readers side by side: quality, latency, throughput, memory and size, for Lector's variants and for peers.

Every subject runs in a process of its own. Only one computes at a time, and each repetition takes all of them in turn,
so that whatever else the machine does meets all alike.
"""

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import IN_SERVICE, Case, build_cases
from benchmarks.machine import machine
from benchmarks.subjects import Kind, disk_mb
from benchmarks.summary import means, percentiles
from benchmarks.worker import Worker
from models.artifact import load_artifact
from models.encoder import Encoder
from models.evaluation.answers import best_over_references
from models.evaluation.open_domain import build_corpus
from models.evaluation.squad import Question, read_squad, spread
from models.evaluation.terminal import Track, silently
from models.normalization import normalize_answer
from models.retrieval import retrieve
from store.errors import InvalidInput

PACKAGES = ("onnxruntime", "torch", "transformers", "transformers-haystack", "haystack-ai", "tokenizers")
WARM_UP = 2  # rounds before those that count


@dataclass(frozen=True)
class Entry:
    """What takes part: a name for tables, and what a worker is started with."""

    name: str
    kind: Kind
    source: str


@dataclass(frozen=True)
class Task:
    """A question, what it is asked of, and the answers that count as right."""

    question: str
    texts: tuple[str, ...]
    scores: tuple[float, ...] | None  # of retrieval
    references: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    questions: int | None = None  # of the file, on their own contexts; None: all
    open_questions: int = 1000
    passages: int = 10  # retrieved for each of these
    threads: tuple[int, ...] = (1, 2)
    repetitions: int = 30  # of each shape's latency


def entries_for(readers: Sequence[str], peer_model: Path | None) -> list[Entry]:
    """The artifacts, the first of them also with an early exit, and both peers if there are weights for them.

    Raises:
        NotFound, Damaged: as of `load_artifact`.
        InvalidInput: two artifacts have one name, or the peers' model is no directory with a `config.json`.
    """
    entries = []
    for source in readers:
        artifact = load_artifact(source, "reader")
        name = f"{artifact.folder.resolve().name} ({artifact.card.precision})"
        entries.append(Entry(name, "lector", source))
    if len({entry.name for entry in entries}) < len(entries):
        raise InvalidInput(f"{', '.join(readers)}: two readers have the same name and precision; rename a directory")
    entries.insert(1, Entry(f"{entries[0].name}, early exit", "lector-early-exit", entries[0].source))
    if peer_model is not None:
        if not (peer_model / "config.json").is_file():
            raise InvalidInput(f"{peer_model} is no Hugging Face model; give a directory with a config.json")
        entries.append(Entry("Haystack TransformersExtractiveReader", "haystack", str(peer_model)))
        entries.append(Entry("transformers and PyTorch", "torch", str(peer_model)))
    return entries


def benchmark_readers(
    entries: Sequence[Entry], file: Path, plan: Plan, encoder: str = "encoder", track: Track = silently
) -> dict[str, Any]:
    """The report of `lector benchmark reader`; only questions that have an answer are asked.

    Raises:
        NotFound, InvalidInput: the file is missing or is not SQuAD JSON, or has too little text.
        Unavailable: a subject cannot be loaded, such as a peer without the extras `train` and `bench`.
    """
    questions = [question for question in read_squad(file) if question.answers]
    if not questions:
        raise InvalidInput(f"no question of {file} has an answer; give a file with some that have")
    lector = next((entry for entry in entries if entry.kind == "lector"), None)
    if lector is None:
        raise InvalidInput("no reader of Lector's is named; give at least one with --reader")
    shapes = build_cases(load_artifact(lector.source, "reader").tokenizer, questions)
    own = [_own_context(question) for question in spread(questions, plan.questions)]
    asked = retrieved(questions, spread(questions, plan.open_questions), encoder, plan.passages)
    subjects: dict[str, dict[str, Any]] = {
        entry.name: {
            "name": entry.name,
            "kind": entry.kind,
            "disk_mb": disk_mb(entry.kind, entry.source),
            "threads": {},
        }
        for entry in entries
    }
    for threads in sorted(plan.threads):
        with _working(entries, threads) as workers:
            latencies = time_cases(workers, shapes, plan.repetitions, track, f"latency, {threads} threads")
            for worker in workers:
                subjects[worker.name]["threads"][str(threads)] = {
                    "loaded_mb": worker.loaded_mb,
                    "peak_mb": worker.peak_mb(),
                    **latencies[worker.name],
                }
            if threads == max(plan.threads):
                for name, tasks in (("own_context", own), ("open", asked)):
                    scores = score_answers(workers, tasks, track, f"{len(tasks)} questions, {name.replace('_', ' ')}")
                    for worker in workers:
                        subjects[worker.name][name] = scores[worker.name]
    return {
        "machine": machine(*PACKAGES),
        "file": file.name,
        "own_context": {"questions": len(own)},
        "open": {
            "questions": len(asked),
            "passages": plan.passages,
            "retrieved": round(sum(_holds_reference(task) for task in asked) / len(asked), 4),
        },
        "repetitions": plan.repetitions,
        "subjects": list(subjects.values()),
    }


def retrieved(corpus: Sequence[Question], asked: Sequence[Question], encoder: str, passages: int) -> list[Task]:
    """The questions with the passages that hybrid retrieval finds for them among all contexts of `corpus`."""
    loaded = Encoder.load(encoder)
    with tempfile.TemporaryDirectory() as folder:
        collection = build_corpus(Path(folder) / "corpus", loaded, corpus, left_out=0)
        tasks = []
        for question in asked:
            found = retrieve(collection, loaded, question.text, passages).passages
            texts, scores = tuple(r.passage.text for r in found), tuple(r.score for r in found)
            tasks.append(Task(question.text, texts, scores, _references(question)))
        collection.close()
    return tasks


def time_cases(
    workers: Sequence[Worker], shapes: Sequence[Sequence[Case]], repetitions: int, track: Track, what: str
) -> dict[str, dict[str, Any]]:
    """For each worker: `latency_ms` of each shape (p50, p95), and `questions_per_second` as in service."""
    times: dict[str, dict[str, list[float]]] = {w.name: {cases[0].name: [] for cases in shapes} for w in workers}
    for round_ in track(range(WARM_UP + repetitions), what):
        for cases in shapes:
            case = cases[round_ % len(cases)]
            for worker in _in_turn(workers, round_):
                _, milliseconds = worker.answer(case.question, case.texts)
                if round_ >= WARM_UP:
                    times[worker.name][case.name].append(milliseconds)
    return {
        name: {
            "latency_ms": {shape: percentiles(found) for shape, found in shapes_.items()},
            "questions_per_second": round(1000 / statistics.mean(shapes_[IN_SERVICE]), 2),
        }
        for name, shapes_ in times.items()
    }


def score_answers(
    workers: Sequence[Worker], tasks: Sequence[Task], track: Track, what: str
) -> dict[str, dict[str, Any]]:
    """For each worker: `n`, `em` and `f1` in percent of its answers, those of its other ranking, and `latency_ms`."""
    points: dict[str, dict[str, list[tuple[float, float]]]] = {worker.name: {} for worker in workers}
    times: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for number, task in enumerate(track(tasks, what)):
        for worker in _in_turn(workers, number):
            answers, milliseconds = worker.answer(task.question, task.texts, task.scores)
            times[worker.name].append(milliseconds)
            for ranking, answer in answers.items():
                points[worker.name].setdefault(ranking, []).append(best_over_references(answer, task.references))
    return {
        name: {"n": len(tasks), **means(rankings.pop("answer"))}
        | {key: means(p) for key, p in rankings.items()}
        | {"latency_ms": percentiles(times[name])}
        for name, rankings in points.items()
    }


@contextmanager
def _working(entries: Sequence[Entry], threads: int) -> Iterator[list[Worker]]:
    with ExitStack() as running:
        yield [running.enter_context(closing(Worker(e.name, e.kind, e.source, threads))) for e in entries]


def _in_turn(workers: Sequence[Worker], round_: int) -> list[Worker]:
    """All workers, another one first each time."""
    first = round_ % len(workers)
    return [*workers[first:], *workers[:first]]


def _own_context(question: Question) -> Task:
    return Task(question.text, (question.context,), None, _references(question))


def _references(question: Question) -> tuple[str, ...]:
    return tuple(text for _, text in question.answers if normalize_answer(text))


def _holds_reference(task: Task) -> bool:
    return any(reference in text for text in task.texts for reference in task.references)
