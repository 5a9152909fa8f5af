"""`lector index tune`: which dense index suits a collection, measured on the collection itself."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.demo import COLLECTION
from models.evaluation.terminal import check_outputs, errors_shown, show, with_bars, write_json
from models.settings import Settings
from store.errors import InvalidInput

if TYPE_CHECKING:
    from rich.table import Table

    from models.encoder import Encoder
    from store.collection import Collection
    from store.options import Options
    from store.tuning import Measured


def tune(
    collection: Annotated[str, typer.Option(help="The collection to measure.")] = COLLECTION,
    questions: Annotated[
        Path | None,
        typer.Option(
            help="What is asked of it: lines of text, or JSONL with `question`, also gzipped. "
            "Without, passages' own embeddings with noise added."
        ),
    ] = None,
    index: Annotated[
        list[str] | None,
        typer.Option(help="A FAISS factory string to try, again for each; without, a menu. Flat is always tried."),
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Questions at most, chosen at random with a fixed seed.")] = 500,
    limit: Annotated[
        int | None, typer.Option(min=20, help="Passages that a search asks for; without, as many as hybrid retrieval.")
    ] = None,
    recall: Annotated[float, typer.Option(min=0, max=1, help="The recall@20 that is wanted.")] = 0.95,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    data: Annotated[Path | None, typer.Option(help="Directory of the collections (LECTOR_DATA).")] = None,
) -> None:
    """Measure kinds of dense indexes on a collection: size, build time, latency, recall. Recommends one, sets none."""
    from models.encoder import Encoder
    from store.catalog import Catalog

    with errors_shown("lector index tune"):
        check_outputs(json_out)
        settings = Settings.load(data=data)
        encoder = Encoder.load(settings.encoder, settings.threads)
        catalog = Catalog(settings.data, encoder.identity)
        try:
            report = _measured(catalog.get(collection), encoder, questions, index or [], sample, limit, recall)
        finally:
            catalog.close()
    if report is None:
        return
    write_json(report, json_out)
    show(table(report))
    chosen = report["recommended"]
    effort = f" at effort {chosen['effort']}" if chosen["effort"] else ""
    typer.echo(f"Recommended: {chosen['index']}{effort}: {chosen['reason']}.")
    where = [] if data is None else ["--data", str(data)]
    command = shlex.join(["lector", "collections", "set", collection, *chosen["set"], *where])
    typer.echo(f"To have it: {command}" if chosen["set"] else "That is what the collection has.")


def table(report: Mapping[str, Any]) -> "Table":
    """The figures for a terminal."""
    from rich.markup import escape
    from rich.table import Table

    title = escape(
        f"{report['collection']}: {report['passages']:,} passages; {report['questions']:,} questions "
        f"({report['source']}), each for {report['limit']} passages"
    )
    columns = ("index", "effort", "MB", "built in s", "p50 ms", "p95 ms", "recall@10", "recall@20", "")
    caption = f"* no other with a recall@20 of {report['wanted_recall_at_20']:g} is both smaller and faster"
    shown = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for name in columns:
        shown.add_column(name, justify="left" if name in ("index", "") else "right")
    for m in report["measured"]:
        shown.add_row(
            m["index"],
            str(m["effort"] or "–"),
            f"{m['bytes'] / 1e6:.1f}",
            f"{m['build_s']:.1f}",
            f"{m['p50_ms']:.2f}",
            f"{m['p95_ms']:.2f}",
            f"{m['recall_at_10']:.3f}",
            f"{m['recall_at_20']:.3f}",
            "*" if m["front"] else "",
        )
    return shown


def _measured(
    collection: "Collection",
    encoder: "Encoder",
    file: Path | None,
    wanted: Sequence[str],
    sample: int,
    limit: int | None,
    recall: float,
) -> dict[str, Any] | None:
    """The report; None where the collection is too small for one."""
    from dataclasses import asdict

    from store.nearest import EXACT, LEAST_INEXACT, check_factory, choose
    from store.tuning import CUTOFFS, Trial, front, made_questions, measure, menu, recommend

    for factory in wanted:
        check_factory(factory, collection.encoder.dimension)
    texts = _texts(file, sample) if file else []
    with collection.reading() as reading:
        numbers, vectors = reading.all_embeddings()
    count, dimension = vectors.shape
    if count < LEAST_INEXACT:
        typer.echo(
            f"Collection {collection.name} has {count:,} passages with embeddings. Below {LEAST_INEXACT:,} every "
            "search is exact, whatever index is set, and takes a millisecond or less: there is nothing to tune."
        )
        return None
    factories = dict.fromkeys((EXACT, *(choose(one, count) for one in wanted)) if wanted else menu(count, dimension))
    asked = encoder.encode_questions(texts) if texts else made_questions(vectors, sample)
    trial = Trial.of(collection, numbers, vectors, asked, limit or max(collection.options.depth, *CUTOFFS))
    measured = [m for factory in with_bars()(list(factories), "indexes") for m in measure(trial, factory)]
    best, reason = recommend(measured, recall)
    on_front = front(measured, recall)
    return {
        "collection": collection.name,
        "passages": count,
        "dimension": dimension,
        "questions": len(asked),
        "source": str(file) if file else "passages' embeddings with noise",
        "limit": trial.limit,
        "wanted_recall_at_20": recall,
        "measured": [{**asdict(m), "front": m in on_front} for m in measured],
        "recommended": {**asdict(best), "reason": reason, "set": _to_set(best, collection.options, count)},
    }


def _texts(file: Path, sample: int) -> list[str]:
    """The questions of a file, at most so many."""
    import random

    from models.evaluation.files import read_jsonl, read_lines
    from store.tuning import SEED

    jsonl = file.name.removesuffix(".gz").endswith(".jsonl")
    texts = [record.filled("question") for record in read_jsonl(file)] if jsonl else list(read_lines(file))
    if not texts:
        raise InvalidInput(f"{file} has no questions; put one on each line")
    return random.Random(SEED).sample(texts, min(sample, len(texts)))


def _to_set(best: "Measured", options: "Options", passages: int) -> list[str]:
    """What `lector collections set` has to be told; nothing where the collection has the best one already."""
    from store.nearest import AUTO, choose

    if choose(options.index, passages) == best.index and best.effort in (None, options.effort):
        return []
    index = AUTO if choose(AUTO, passages) == best.index else best.index
    return ["--index", index, *([] if best.effort is None else ["--effort", str(best.effort)])]
