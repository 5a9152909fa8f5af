"""What `early_exit` and `budget_ms` save, and what they cost in answers.

    python -m benchmarks.shortcuts SQUAD_FILE --limit 1000 --index DIR --json benchmarks/results/shortcuts.json

Each question is asked of all contexts of the file once in each way, in turn, without a cache. Needs the extra `bench`.
"""

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.summary import means, percentiles
from benchmarks.tables import shortcuts_table
from models.evaluation.answers import best_over_references
from models.evaluation.corpus import corpus_name
from models.evaluation.judgements import Query
from models.evaluation.retriever_run import Place, opened
from models.evaluation.sources import from_squad
from models.evaluation.squad import read_squad, spread
from models.evaluation.terminal import Track, silently, with_bars
from models.pipeline import QuestionAnswerer
from models.settings import Settings
from store.collection import Collection

WHOLE = "all passages"
WAYS: dict[str, dict[str, Any]] = {
    WHOLE: {},
    "early_exit": {"early_exit": True},
    **{f"budget_ms = {ms}": {"budget_ms": ms} for ms in (100, 50, 25)},
    "early_exit, budget_ms = 50": {"early_exit": True, "budget_ms": 50},
}


@dataclass(frozen=True)
class Asked:
    """What one way gave for one question."""

    answer: str  # the first one; empty where none was shown
    passages_read: int
    ms: float


def measure(file: Path, limit: int | None, index: Path | None, track: Track = silently) -> dict[str, Any]:
    """The report; errors as of `read_squad` and `QuestionAnswerer.load`."""
    settings = Settings.load(cache=0)
    judgements = from_squad(read_squad(file))
    queries = spread(list(judgements.queries), limit)
    answerer = QuestionAnswerer.load(settings)
    with opened(Place(corpus_name(file), judgements, index), settings, track) as (collection, _):
        rows = [_asked(answerer, collection, query, number) for number, query in enumerate(track(queries, "asking"))]
    return {
        "machine": machine(),
        "file": file.name,
        "questions": len(queries),
        "passages": settings.passages,
        "ways": {way: _figures(way, queries, rows) for way in WAYS},
    }


def _asked(answerer: QuestionAnswerer, collection: Collection, query: Query, number: int) -> dict[str, Asked]:
    """All ways, another one first for each question."""
    first = number % len(WAYS)
    ways = [*WAYS][first:] + [*WAYS][:first]
    outcomes = {way: answerer.ask(collection, query.text, **WAYS[way]) for way in ways}
    return {
        way: Asked(o.answers[0].text if o.answers else "", o.passages_read, o.timings.total)
        for way, o in outcomes.items()
    }


def _figures(way: str, queries: Sequence[Query], rows: Sequence[Mapping[str, Asked]]) -> dict[str, Any]:
    points = [best_over_references(row[way].answer, query.answers) for row, query in zip(rows, queries, strict=True)]
    return {
        **means(points),
        "same_answer": round(statistics.mean(row[way].answer == row[WHOLE].answer for row in rows), 4),
        "passages_read": round(statistics.mean(row[way].passages_read for row in rows), 2),
        "latency_ms": percentiles([row[way].ms for row in rows]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report = measure(arguments.file, arguments.limit, arguments.index, with_bars())
    print(shortcuts_table(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
