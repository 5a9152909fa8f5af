"""`lector compress`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from models.compression.precision import Precision
from models.evaluation.terminal import TRAINING_PACKAGES, check_installed, errors_shown
from store.errors import LectorError

FAILED, TOO_LOSSY = 2, 1  # exit codes


class ModelKind(StrEnum):
    """What a model is for."""

    reader = "reader"
    encoder = "encoder"


def compress(
    source: Annotated[
        str, typer.Argument(help="A model of Hugging Face or sentence-transformers: directory, hub name or package.")
    ],
    out: Annotated[Path, typer.Option(help="The artifact's directory.")],
    kind: Annotated[
        ModelKind, typer.Option(help="A question-answering model, or an encoder, also a DPR pair.")
    ] = ModelKind.reader,
    precision: Annotated[
        Precision, typer.Option(help="What it computes with; the default is the smallest and fastest.")
    ] = Precision.int8_dynamic,
    calibrate: Annotated[
        Path | None, typer.Option(help="SQuAD file that int8-static takes the scales of activations from.")
    ] = None,
    gate: Annotated[
        list[Path] | None,
        typer.Option(
            help="SQuAD file or, for encoders, also BEIR folder; not one you report. There the model must do nearly as "
            "well as in fp32. Again for more."
        ),
    ] = None,
    max_f1_loss: Annotated[
        float, typer.Option(min=0, help="Percentage points of a reader's F1 that --gate lets pass.")
    ] = 0.5,
    max_recall_loss: Annotated[
        float, typer.Option(min=0, help="Percentage points of an encoder's recall@10 that it lets pass.")
    ] = 1.0,
    gate_questions: Annotated[
        int | None, typer.Option(min=1, help="Only so many questions of each --gate, evenly spread over it.")
    ] = None,
    gate_split: Annotated[str, typer.Option(help="Which qrels of a BEIR folder.")] = "dev",
    keep_passages: Annotated[
        str | None,
        typer.Option(
            help="An encoder's artifact whose network of passages is taken as it is; only questions' is made."
        ),
    ] = None,
    dimensions: Annotated[
        int, typer.Option(min=0, help="Of an encoder's embeddings only so many, the first ones; 0: all.")
    ] = 0,
    licence: Annotated[str, typer.Option(help="The model's licence, for its card.")] = "",
) -> None:
    """Export a model to ONNX, fuse it and quantize it to int8; needs the extra `train`.

    Exit code 1 says that a model did not pass its --gate; what stood at --out then stays as it was.
    """
    with errors_shown("lector compress"):
        check_installed(*TRAINING_PACKAGES)
    from models.compression.compress import compress as run
    from models.compression.gate import METRICS, Gate, TooLossy

    bounds = Gate(tuple(gate), max_f1_loss, max_recall_loss, gate_questions, gate_split) if gate else None
    try:
        artifact = run(
            source,
            kind.value,
            out,
            precision=precision,
            calibrate=calibrate,
            gate=bounds,
            keep_passages=keep_passages,
            dimensions=dimensions,
            licence=licence,
        )
    except (LectorError, OSError) as error:
        typer.secho(f"lector compress: {error}", fg="red", err=True)
        raise typer.Exit(TOO_LOSSY if isinstance(error, TooLossy) else FAILED) from error
    if bounds:
        metrics, metric = artifact.card.metrics, METRICS[kind.value]
        now, before = metrics[f"gate_{metric.lower()}"], metrics[f"gate_fp32_{metric.lower()}"]
        typer.echo(f"{metric} {now:.2f}, in fp32 {before:.2f}")
    for name, size in artifact.card.bytes.items():
        typer.echo(f"{out / name}: {size / 1e6:.1f} MB")
