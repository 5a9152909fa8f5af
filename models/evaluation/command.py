"""`lector evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from models.evaluation.pipeline import evaluate_pipeline
from models.evaluation.retriever import evaluate_retriever
from models.evaluation.terminal import (
    check_installed,
    check_outputs,
    check_plot,
    errors_shown,
    show,
    with_bars,
    write_json,
)
from models.evaluation.tune import evaluate_tune

evaluate = typer.Typer(help="Measure what was built, and fit its confidence.", no_args_is_help=True)
evaluate.command("retriever")(evaluate_retriever)
evaluate.command("tune")(evaluate_tune)
evaluate.command("pipeline")(evaluate_pipeline)

Reader = Annotated[str, typer.Option(help="A shipped reader's name, or a model's directory.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many questions, evenly spread over a file.")]
JsonOut = Annotated[Path | None, typer.Option("--json", help="Write the report here.")]
Threads = Annotated[int, typer.Option(min=0, help="Cores to use; 0 takes all.")]


@evaluate.command("reader")
def evaluate_reader(
    files: Annotated[list[Path], typer.Argument(help="SQuAD JSON files, also gzipped.")],
    reader: Reader = "base",
    max_length: Annotated[int | None, typer.Option(min=1, max=512, help="Tokens of a window, not the card's.")] = None,
    doc_stride: Annotated[
        int | None, typer.Option(min=1, help="Passage tokens between two windows' starts, not the card's.")
    ] = None,
    closer_look: Annotated[
        int | None,
        typer.Option(min=0, help="Tokens beside the best span in its second reading, not the card's; 0 for none."),
    ] = None,
    limit: Limit = None,
    predictions: Annotated[Path | None, typer.Option(help="Write each question's answer here, as JSONL.")] = None,
    json_out: JsonOut = None,
    threads: Threads = 0,
) -> None:
    """EM and F1 on SQuAD files, by question type, answer length and, in long contexts, answer position."""
    from models.artifact import load_artifact
    from models.evaluation.reader_report import evaluate_files, table

    chosen = {"max_length": max_length, "doc_stride": doc_stride, "closer_look": closer_look}
    with errors_shown("lector evaluate reader"):
        check_outputs(predictions, json_out)
        report = evaluate_files(
            files,
            load_artifact(reader, "reader"),
            settings={name: value for name, value in chosen.items() if value is not None},
            limit=limit,
            threads=threads,
            predictions_out=predictions,
            track=with_bars(),
        )
    write_json(report, json_out)
    for name, scores in report["files"].items():
        show(table(name, scores))


@evaluate.command("null-threshold")
def evaluate_null_threshold(
    files: Annotated[
        list[Path], typer.Argument(help="SQuAD JSON files to fit on, also gzipped; not those you report.")
    ],
    reader: Reader = "base",
    limit: Limit = None,
    json_out: JsonOut = None,
    threads: Threads = 0,
) -> None:
    """Fit the answer odds below which a context is held not to answer, and write them into the reader's card.

    Of a file that the reader was trained on, only the questions whose contexts were held back then are used.
    """
    from models.artifact import CARD, load_artifact
    from models.evaluation.null_threshold import fit_null_threshold

    with errors_shown("lector evaluate null-threshold"):
        artifact = load_artifact(reader, "reader")
        check_outputs(json_out, artifact.folder / CARD)
        report = fit_null_threshold(files, artifact, limit, threads, with_bars())
    counts = report["questions"]
    typer.echo(
        f"null threshold {report['null_threshold']:g}: F1 {report['f1']:.2f} ({report['has_answer_f1']:.2f} on "
        f"{counts['with_answer']:,} questions with an answer, {report['no_answer_accuracy']:.2f} on "
        f"{counts['without_answer']:,} without one)"
    )
    write_json(report, json_out)


@evaluate.command("calibrate")
def evaluate_calibrate(
    files: Annotated[
        list[Path], typer.Argument(help="SQuAD JSON files to fit on, also gzipped; not those you report.")
    ],
    reader: Reader = "base",
    encoder: Annotated[str, typer.Option(help="A shipped encoder's name, or a model's directory.")] = "encoder",
    passages: Annotated[int, typer.Option(min=1, help="Passages read for a question.")] = 10,
    limit: Limit = None,
    json_out: JsonOut = None,
    plot: Annotated[Path | None, typer.Option(help="Draw reliability, and risk over coverage, here.")] = None,
    threads: Threads = 0,
) -> None:
    """Fit a reader's confidence over a corpus of the files' contexts, and write it into the reader's card."""
    from models.artifact import CARD, load_artifact
    from models.evaluation.calibrate import calibrate

    with errors_shown("lector evaluate calibrate"):
        check_installed("sklearn")
        artifact = load_artifact(reader, "reader")
        check_outputs(json_out, artifact.folder / CARD)
        check_plot(plot)
        report = calibrate(files, artifact, encoder, passages, threads, limit, with_bars())
    typer.echo(", ".join(f"{name} {value:.4f}" for name, value in report["held_out"].items()))
    write_json(report, json_out)
    if plot:
        from models.evaluation.calibration_plot import draw

        draw(report, plot)
