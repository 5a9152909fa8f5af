"""`lector benchmark`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from models.evaluation.terminal import check_outputs, with_bars
from store.errors import LectorError

benchmark = typer.Typer(help="Measure side by side; needs the extras `train` and `bench`.", no_args_is_help=True)

FAILED = 2  # exit code


@benchmark.callback()
def _verbs() -> None:
    """Keeps `reader` a verb of its own while it is the only one."""


@benchmark.command("reader")
def benchmark_reader(
    data: Annotated[Path, typer.Option(help="SQuAD JSON file, also gzipped: questions, contexts and the corpus.")],
    reader: Annotated[
        list[str] | None, typer.Option(help="A shipped reader's name, or a model's directory; again for more. [base]")
    ] = None,
    peer_model: Annotated[
        Path | None, typer.Option(help="The same weights as a Hugging Face directory; without, no peers run.")
    ] = None,
    questions: Annotated[
        int | None, typer.Option(min=1, help="So many questions on their own contexts, evenly spread; all without.")
    ] = None,
    open_questions: Annotated[int, typer.Option(min=1, help="So many on retrieved passages.")] = 1000,
    passages: Annotated[int, typer.Option(min=1, help="Passages retrieved for each of these.")] = 10,
    threads: Annotated[list[int] | None, typer.Option(min=1, help="Threads to measure with. [1 and 2]")] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Timings of each shape.")] = 30,
    encoder: Annotated[str, typer.Option(help="The encoder to retrieve with.")] = "encoder",
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    plot_out: Annotated[Path | None, typer.Option("--plot", help="Draw quality against cost here, as PNG.")] = None,
) -> None:
    """Quality, latency, memory and size of readers, beside Haystack's and plain PyTorch with the same weights."""
    from benchmarks.reader import Plan, benchmark_readers, entries_for
    from benchmarks.tables import plot, reader_caption, reader_table

    plan = Plan(questions, open_questions, passages, tuple(threads or (1, 2)), repetitions)
    try:
        check_outputs(json_out, plot_out)
        entries = entries_for(reader or ["base"], peer_model)
        report = benchmark_readers(entries, data, plan, encoder, with_bars())
    except LectorError as error:
        typer.secho(f"lector benchmark reader: {error}", fg="red", err=True)
        raise typer.Exit(FAILED) from error
    typer.echo(f"{reader_table(report)}\n\n{reader_caption(report)}")
    if json_out:
        json_out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if plot_out:
        plot(report, plot_out)
