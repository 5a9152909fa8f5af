"""`lector evaluate retriever`, also `python -m models.evaluation.retriever`: how well passages are found."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from models.evaluation.terminal import (
    check_installed,
    check_outputs,
    check_plot,
    errors_shown,
    names_in,
    numbers_in,
    show,
    with_bars,
    write_json,
)

BELOW = 1  # exit code


def evaluate_retriever(
    source: Annotated[
        Path, typer.Argument(help="A BEIR folder, or a file: SQuAD (.json), SubjQA (.csv), questions (.jsonl).")
    ],
    retrievers: Annotated[
        str, typer.Option(help="Which: sparse, dense, hybrid, reranked, Haystack's as package.module:Class.")
    ] = "sparse,dense,hybrid",
    retriever_config: Annotated[
        Path | None, typer.Option(help="YAML or JSON of such a class's parameters; of several, under their paths.")
    ] = None,
    relevance: Annotated[
        str | None, typer.Option(help="By document, passage or answer, where the source allows several.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Which of a BEIR folder's qrels; test without.")] = None,
    at: Annotated[str, typer.Option(help="Cutoffs k.")] = "1,3,5,10,20,100",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many questions, evenly spread.")] = None,
    corpus: Annotated[Path | None, typer.Option(help="JSONL of the documents that questions are about.")] = None,
    distractors: Annotated[Path | None, typer.Option(help="JSONL of further documents for the corpus.")] = None,
    index: Annotated[Path | None, typer.Option(help="Directory to keep the indexed corpus in, and find it.")] = None,
    collection: Annotated[str | None, typer.Option(help="The collection that questions are about.")] = None,
    data: Annotated[Path | None, typer.Option(help="Directory of the collections (LECTOR_DATA).")] = None,
    encoder: Annotated[str | None, typer.Option(help="An encoder's name or directory (LECTOR_ENCODER).")] = None,
    reader: Annotated[str | None, typer.Option(help="The reader that `reranked` asks (LECTOR_READER).")] = None,
    passages: Annotated[int | None, typer.Option(min=1, help="Passages that it ranks again (LECTOR_PASSAGES).")] = None,
    threads: Annotated[int | None, typer.Option(help="Cores to use; 0 takes all (LECTOR_THREADS).")] = None,
    fail_under: Annotated[
        list[str] | None, typer.Option(help="Exit with 1 below it: recall@10=0.9, or hybrid:recall@10=0.9.")
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    per_question: Annotated[Path | None, typer.Option(help="Write each question's metrics here, as JSONL.")] = None,
    plot_out: Annotated[Path | None, typer.Option("--plot", help="Draw recall over k here.")] = None,
) -> None:
    """How well retrievers find what is relevant: nDCG, recall, hits, MAP, MRR, with intervals and significance."""
    from models.evaluation.corpus import corpus_name
    from models.evaluation.ranking_metrics import metric_names
    from models.evaluation.rankings import RERANKED, read_parameters
    from models.evaluation.retriever_report import Bound, figures, lines, plot, tables
    from models.evaluation.retriever_run import Place, corpus_counts, evaluate, searches
    from models.evaluation.sources import read_judgements, read_texts, split_of
    from models.evaluation.squad import spread
    from models.settings import Settings
    from store.errors import InvalidInput

    with errors_shown("lector evaluate retriever", "--index" if index else ""):
        check_installed("ir_measures")
        check_outputs(json_out, per_question)
        check_plot(plot_out)
        settings = Settings.load(data=data, encoder=encoder, reader=reader, passages=passages, threads=threads)
        names, cutoffs, track = names_in(retrievers), numbers_in(at), with_bars()
        if RERANKED not in names and (reader or passages):
            raise InvalidInput(f"--reader and --passages are for the retriever {RERANKED}; name it, or leave them out")
        judgements = read_judgements(source, split_of(source, split, "test"), corpus)
        by = judgements.relevance(relevance)
        bounds = [Bound.of(text, names, metric_names(by, cutoffs)) for text in fail_under or []]
        judged = judgements.judged_by(by)
        queries = spread(judged, limit)
        if distractors:
            judgements = judgements.with_distractors(read_texts(distractors))
        parameters = read_parameters(retriever_config) if retriever_config else {}
        with searches(
            names, Place(corpus_name(source), judgements, index, collection), by, settings, parameters, track
        ) as (asked, searched):
            counts = corpus_counts(judgements, queries, by, searched)
            evaluation = evaluate(asked, queries, by, cutoffs, track)
            options = {"options": asdict(searched.options)} if searched else {}
        left_out = len(judgements.queries) - len(judged)
        report = {"source": str(source), "corpus": counts, "left_out": left_out, **options, **figures(evaluation)}
        write_json(report, json_out)
        if per_question:
            per_question.write_text("".join(f"{line}\n" for line in lines(evaluation)), encoding="utf-8")
        if plot_out:
            plot(report, plot_out)
    typer.echo(_summary(report))
    show(tables(report))
    failures = [failure for bound in bounds for failure in bound.failures(evaluation)]
    for failure in failures:
        typer.secho(failure, fg="red", err=True)
    if failures:
        raise typer.Exit(BELOW)


def _summary(report: Mapping[str, Any]) -> str:
    corpus = ", ".join(f"{what.replace('_', ' ')} {count}" for what, count in report["corpus"].items())
    left_out = f"; {report['left_out']} that nothing is relevant to are left out" if report["left_out"] else ""
    return (
        f"{report['source']}: {report['questions']} questions{left_out}\n"
        f"Relevance by {report['relevance']}: {report['relevance_rule']}\n"
        f"Corpus: {corpus or 'as the retriever has it'}"
    )


if __name__ == "__main__":
    typer.run(evaluate_retriever)
