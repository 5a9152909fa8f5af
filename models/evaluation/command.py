"""`lector evaluate`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from store.errors import LectorError

evaluate = typer.Typer(help="Measure what was built, and fit its confidence.", no_args_is_help=True)


@evaluate.command("reader")
def evaluate_reader(
    files: Annotated[list[Path], typer.Argument(help="SQuAD JSON files, also gzipped.")],
    reader: Annotated[str, typer.Option(help="A shipped reader's name, or a model's directory.")] = "base",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many questions, evenly spread over a file.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="Cores to use; 0 takes all.")] = 0,
) -> None:
    """EM and F1 on SQuAD files: the best span against several references, with SQuAD's normalisation."""
    from models.evaluation.reader import evaluate_files

    try:
        report = evaluate_files(files, reader, limit, threads)
    except LectorError as error:
        typer.secho(f"lector evaluate reader: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    for name, scores in report["files"].items():
        typer.echo(f"{name}: {', '.join(f'{key} {value}' for key, value in scores.items())}")
    if json_out:
        json_out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


@evaluate.command("calibrate")
def evaluate_calibrate(
    files: Annotated[
        list[Path], typer.Argument(help="SQuAD JSON files to fit on, also gzipped; not those you report.")
    ],
    reader: Annotated[str, typer.Option(help="A shipped reader's name, or a model's directory.")] = "base",
    encoder: Annotated[str, typer.Option(help="A shipped encoder's name, or a model's directory.")] = "encoder",
    passages: Annotated[int, typer.Option(min=1, help="Passages read for a question.")] = 10,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many questions, evenly spread over a file.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="Cores to use; 0 takes all.")] = 0,
) -> None:
    """Fit a reader's confidence over a corpus of the files' contexts, and write it into the reader's card."""
    from rich.console import Console
    from rich.progress import track

    from models.evaluation.calibrate import calibrate

    try:
        console = Console(stderr=True)
        report = calibrate(
            files, reader, encoder, passages, threads, limit, lambda qs: track(list(qs), "questions", console=console)
        )
    except LectorError as error:
        typer.secho(f"lector evaluate calibrate: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    typer.echo(", ".join(f"{name} {value:.4f}" for name, value in report["held_out"].items()))
    if json_out:
        json_out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
