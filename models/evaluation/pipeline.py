"""`lector evaluate pipeline`, also `python -m models.evaluation.pipeline`: question in, answer out, over a corpus."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.evaluation.terminal import check_outputs, errors_shown, names_in, numbers_in, show, with_bars, write_json
from store.errors import InvalidInput

if TYPE_CHECKING:
    from rich.table import Table


MOST_PASSAGES = 100  # as the service reads for a question at most


def evaluate_pipeline(
    squad_file: Annotated[Path, typer.Argument(help="SQuAD JSON, also gzipped; its contexts are the corpus.")],
    retriever: Annotated[str, typer.Option(help="hybrid, sparse or dense; or several, with commas.")] = "hybrid",
    passages: Annotated[str, typer.Option(help="How many passages are read, each of these.")] = "1,3,5,10,20",
    reader: Annotated[str | None, typer.Option(help="A reader's name or directory (LECTOR_READER).")] = None,
    encoder: Annotated[str | None, typer.Option(help="An encoder's name or directory (LECTOR_ENCODER).")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many questions, evenly spread.")] = None,
    distractors: Annotated[Path | None, typer.Option(help="JSONL of further documents for the corpus.")] = None,
    index: Annotated[Path | None, typer.Option(help="Directory to keep the indexed corpus in, and find it.")] = None,
    threads: Annotated[int | None, typer.Option(help="Cores to use; 0 takes all (LECTOR_THREADS).")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    per_question: Annotated[Path | None, typer.Option(help="Write each question's answers here, as JSONL.")] = None,
) -> None:
    """EM and F1 of answers over a whole corpus, which part failed where they are wrong, and how long each took."""
    from models.artifact import load_artifact
    from models.confidence import Calibration
    from models.evaluation.answers import RIGHT_F1
    from models.evaluation.corpus import corpus_name
    from models.evaluation.end_to_end import ask, figures, line
    from models.evaluation.rankings import OURS
    from models.evaluation.retriever_run import Place, corpus_counts, opened
    from models.evaluation.sources import from_squad, read_texts
    from models.evaluation.squad import read_squad, spread
    from models.reader import open_reader
    from models.settings import Settings

    with errors_shown("lector evaluate pipeline", "--index" if index else ""):
        check_outputs(json_out, per_question)
        settings = Settings.load(reader=reader, encoder=encoder, threads=threads)
        names, counts, track = names_in(retriever), numbers_in(passages), with_bars()
        retrievers = [name for name in OURS if name in names]
        if len(retrievers) < len(names):
            raise InvalidInput(f"{retriever!r} names an unknown retriever; choose of {', '.join(OURS)}")
        if counts[-1] > MOST_PASSAGES:
            raise InvalidInput(f"{counts[-1]} passages are too many; at most {MOST_PASSAGES} are read for a question")
        judgements = from_squad(read_squad(squad_file))
        if not judgements.queries:
            raise InvalidInput(f"{squad_file} holds no question; give a SQuAD file with some")
        queries = spread(list(judgements.queries), limit)
        if distractors:
            judgements = judgements.with_distractors(read_texts(distractors))
        artifact = load_artifact(settings.reader, "reader")
        loaded, calibration = open_reader(artifact, settings.threads), Calibration(artifact.card.calibration)
        with opened(Place(corpus_name(squad_file), judgements, index), settings, track) as (collection, encoding):
            searched = corpus_counts(judgements, queries, "answer", collection)
            asked = {
                name: ask(collection, encoding, loaded, calibration, name, queries, counts, track)
                for name in retrievers
            }
    report: dict[str, Any] = {
        "source": str(squad_file),
        "corpus": searched,
        "questions": len(queries),
        "answerable": sum(bool(query.answers) for query in queries),
        "reader": artifact.card.name,
        "reader_sha256": artifact.checksum,
        "right_f1": RIGHT_F1,
        "retrievers": {name: figures(of_one, counts) for name, of_one in asked.items()},
    }
    write_json(report, json_out)
    if per_question:
        rows = zip(*asked.values(), strict=True)
        texts = (json.dumps(line(dict(zip(asked, row, strict=True))), ensure_ascii=False) for row in rows)
        per_question.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    typer.echo(_summary(report))
    for name, scores in report["retrievers"].items():
        show(_table(name, scores))


def _summary(report: Mapping[str, Any]) -> str:
    corpus = ", ".join(f"{what} {count}" for what, count in report["corpus"].items())
    return (
        f"{report['source']}: {report['questions']} questions, {report['answerable']} with an answer\n"
        f"Corpus: {corpus}\nReader: {report['reader']}; an answer is right from an F1 of {report['right_f1']} on"
    )


def _table(retriever: str, scores: Mapping[str, Any]) -> "Table":
    from rich.table import Table

    from models.evaluation.end_to_end import FAILURES

    stages = ", ".join(f"{stage} {_ms(ms)}" for stage, ms in scores["latency_ms"].items())
    by_number: dict[str, Any] = scores["passages"]
    table = Table("passages read", *by_number, title=f"{retriever}; {stages}", title_justify="left")
    columns = list(by_number.values())

    def row(name: str, cell: Callable[[Any], str], end_section: bool = False) -> None:
        table.add_row(name, *map(cell, columns), end_section=end_section)

    row("EM", lambda c: f"{c['em']:.1f}")
    row("F1", lambda c: f"{c['f1']:.1f}")
    row("F1, 95 % interval", lambda c: "{:.1f} to {:.1f}".format(*c["intervals"]["f1"]))
    row("answered", lambda c: f"{c['answered']:.1%}")
    if "no_answer_accuracy" in columns[0]:
        row("refused, of those without an answer", lambda c: f"{c['no_answer_accuracy']:.1%}")
    row("own context retrieved", lambda c: f"{c['context_retrieved']:.1%}", end_section=True)
    row("right", lambda c: str(c["right"]))
    for failure in FAILURES:
        row(failure.replace("_", " "), lambda c: str(c["failures"][failure]), failure == FAILURES[-1])  # noqa: B023
    row("read", lambda c: _ms(c["latency_ms"]["read"]))
    row("in all", lambda c: _ms(c["latency_ms"]["total"]))
    return table


def _ms(ms: Mapping[str, float]) -> str:
    return f"{ms['p50']:.0f} ms (95 %: {ms['p95']:.0f})"


if __name__ == "__main__":
    typer.run(evaluate_pipeline)
