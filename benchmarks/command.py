"""`lector benchmark`."""

from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from models.evaluation.terminal import (
    check_installed,
    check_outputs,
    check_plot,
    errors_shown,
    numbers_in,
    with_bars,
    write_json,
)
from store.errors import InvalidInput, NotFound

benchmark = typer.Typer(
    help="Measure readers, retrievers and stores beside others, and what the store promises.", no_args_is_help=True
)

BROKEN = 1  # exit code: the store failed


@benchmark.command("reader")
def benchmark_reader(
    data: Annotated[Path, typer.Option(help="SQuAD JSON file, also gzipped: questions, contexts and the corpus.")],
    reader: Annotated[
        list[str] | None, typer.Option(help="A shipped reader's name, or a directory; again for more; without, base.")
    ] = None,
    peer_model: Annotated[
        Path | None, typer.Option(help="The same weights as a Hugging Face directory; without, no peers run.")
    ] = None,
    questions: Annotated[
        int | None, typer.Option(min=1, help="So many questions on their own contexts, evenly spread; all without.")
    ] = None,
    open_questions: Annotated[int, typer.Option(min=1, help="So many on retrieved passages.")] = 1000,
    passages: Annotated[int, typer.Option(min=1, help="Passages retrieved for each of these.")] = 10,
    threads: Annotated[list[int] | None, typer.Option(min=1, help="Threads to measure with; without, 1 and 2.")] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Timings of each shape.")] = 30,
    encoder: Annotated[str, typer.Option(help="The encoder to retrieve with.")] = "encoder",
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    plot_out: Annotated[Path | None, typer.Option("--plot", help="Draw quality against cost here, as PNG.")] = None,
) -> None:
    """Quality, latency, memory and size of readers, beside Haystack's and plain PyTorch with the same weights.

    Needs the extras `train` and `bench`.
    """
    from benchmarks.reader import Plan, benchmark_readers, entries_for
    from benchmarks.tables import plot, reader_caption, reader_table

    plan = Plan(questions, open_questions, passages, tuple(threads or (1, 2)), repetitions)
    with errors_shown("lector benchmark reader"):
        check_outputs(json_out)
        check_plot(plot_out)
        entries = entries_for(reader or ["base"], peer_model)
        report = benchmark_readers(entries, data, plan, encoder, with_bars())
    write_json(report, json_out)
    typer.echo(f"{reader_table(report)}\n\n{reader_caption(report)}")
    if plot_out:
        plot(report, plot_out)


@benchmark.command("retriever")
def benchmark_retriever(
    source: Annotated[Path, typer.Argument(help="A BEIR folder, or a file: SQuAD (.json), questions (.jsonl).")],
    split: Annotated[str | None, typer.Option(help="Which of a BEIR folder's qrels; test without.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many questions, evenly spread.")] = None,
    corpus: Annotated[Path | None, typer.Option(help="JSONL of the documents that questions are about.")] = None,
    distractors: Annotated[Path | None, typer.Option(help="JSONL of further documents for the corpus.")] = None,
    index: Annotated[Path | None, typer.Option(help="Directory to keep the indexed corpus in, and find it.")] = None,
    encoder: Annotated[str | None, typer.Option(help="An encoder's name or directory (LECTOR_ENCODER).")] = None,
    threads: Annotated[int | None, typer.Option(help="Cores to use; 0 takes all (LECTOR_THREADS).")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
) -> None:
    """What Lector's retrievers find and how fast, beside Haystack's in-memory ones and txtai with the same embeddings.

    Needs the extras `train` and `bench`.
    """
    from benchmarks.retrieval import benchmark_retrievers
    from benchmarks.retrieval_tables import retriever_table
    from models.evaluation.sources import read_judgements, read_texts, split_of
    from models.settings import Settings

    with errors_shown("lector benchmark retriever", "--index"):
        check_installed("ir_measures")
        check_outputs(json_out)
        judgements = read_judgements(source, split_of(source, split, "test"), corpus)
        if distractors:
            judgements = judgements.with_distractors(read_texts(distractors))
        settings = Settings.load(encoder=encoder, threads=threads)
        report = benchmark_retrievers(source, judgements, settings, limit, index, with_bars())
    write_json(report, json_out)
    typer.echo(retriever_table(report))


@benchmark.command("durability")
def benchmark_durability(
    kills: Annotated[int, typer.Option(min=0, help="Writers to kill; 0 leaves a part out, here and below.")] = 200,
    full: Annotated[int, typer.Option(min=0, help="Disks to run full; needs the right to mount a tmpfs.")] = 20,
    flips: Annotated[int, typer.Option(min=0, help="Files to damage.")] = 20,
    seconds: Annotated[
        float, typer.Option(min=0, help="Of readers beside a writer: so long with threads, and with processes.")
    ] = 120,
    seed: Annotated[int, typer.Option(help="Of all that is random.")] = 0,
    at: Annotated[
        Path | None, typer.Option(help="A folder on the disk to try; that of temporary files without.")
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
) -> None:
    """Kill writers, fill disks, damage files, read while others write; exits with 1 if the store breaks a promise."""
    from benchmarks.durability.figures import durability_table
    from benchmarks.durability.report import Plan, measure_durability

    with errors_shown("lector benchmark durability"):
        check_outputs(json_out)
        if at is not None and not at.is_dir():
            raise NotFound(f"there is no folder {at} to make collections in; make it first")
        report = measure_durability(Plan(kills, full, flips, seconds, seed), at, with_bars())
    write_json(report, json_out)
    typer.echo(durability_table(report))
    for failure in report["failures"]:
        typer.secho(failure, fg="red", err=True)
    if report["failed"]:
        raise typer.Exit(BROKEN)


@benchmark.command("store")
def benchmark_store(
    passages: Annotated[Path, typer.Option(help="JSON lines with `text` and `title`, also gzipped.")],
    questions: Annotated[Path, typer.Option(help="JSON lines with `question`, also gzipped.")],
    sizes: Annotated[
        str, typer.Option(help="Passages of the stores; copies of those that are given make up the rest.")
    ] = "10000,100000,1000000",
    peers: Annotated[bool, typer.Option("--peers", help="Others' stores too, up to 100,000 passages.")] = False,
    work: Annotated[
        Path | None, typer.Option(help="A folder that keeps the passages' embeddings; without, they are made anew.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the stores below --work, too.")] = False,
    sample: Annotated[int, typer.Option(min=1, help="Questions to ask.")] = 500,
    seconds: Annotated[float, typer.Option(min=0, help="After which a series of searches ends.")] = 60,
    encoder: Annotated[str, typer.Option(help="The encoder of passages and questions.")] = "encoder",
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    plot_out: Annotated[Path | None, typer.Option("--plot", help="Draw how everything grows here, as PNG.")] = None,
) -> None:
    """How building, opening, searching, memory and disk grow, for Lector's store and for others.

    Others, and the plot, need the extras `train` and `bench`.
    """
    from benchmarks.scale.plot import plot
    from benchmarks.scale.run import benchmark_stores
    from benchmarks.scale.steps import Plan
    from benchmarks.scale.tables import sections

    with errors_shown("lector benchmark store"):
        check_outputs(json_out)
        check_plot(plot_out)
        if keep and work is None:
            raise InvalidInput("--keep keeps the stores in the folder --work; name one")
        plan = Plan(sizes=tuple(numbers_in(sizes)), peers=peers, questions=sample, seconds=seconds)
        with nullcontext(work) if work else TemporaryDirectory() as folder:
            report = benchmark_stores(passages, questions, plan, Path(folder), encoder, keep, with_bars())
    write_json(report, json_out)
    typer.echo(sections(report))
    if plot_out:
        plot(report, plot_out)
