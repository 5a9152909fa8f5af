"""`lector compress`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from models.compression.precision import Precision
from store.errors import LectorError

FAILED, TOO_LOSSY = 2, 1  # exit codes


class ModelKind(StrEnum):
    """What a model is for."""

    reader = "reader"
    encoder = "encoder"


def compress(
    source: Annotated[str, typer.Argument(help="A Hugging Face model: directory, hub name, or package with one.")],
    out: Annotated[Path, typer.Option(help="The artifact's directory.")],
    kind: Annotated[
        ModelKind, typer.Option(help="A question-answering model, or a sentence encoder.")
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
            help="SQuAD file, not one you report, that a reader must answer nearly as well as in fp32; again for more."
        ),
    ] = None,
    max_f1_loss: Annotated[float, typer.Option(min=0, help="Percentage points of F1 that --gate lets pass.")] = 0.5,
    gate_questions: Annotated[
        int | None, typer.Option(min=1, help="Only so many questions of each --gate, evenly spread over it.")
    ] = None,
    licence: Annotated[str, typer.Option(help="The model's licence, for its card.")] = "",
) -> None:
    """Export a model to ONNX, fuse it and quantize it to int8; needs the extra `train`.

    Exit code 1 says that a reader did not pass its --gate; what stood at --out then stays as it was.
    """
    from models.compression.compress import compress as run
    from models.compression.gate import Gate, TooLossy

    bounds = Gate(tuple(gate), max_f1_loss, gate_questions) if gate else None
    try:
        artifact = run(source, kind.value, out, precision=precision, calibrate=calibrate, gate=bounds, licence=licence)
    except LectorError as error:
        typer.secho(f"lector compress: {error}", fg="red", err=True)
        raise typer.Exit(TOO_LOSSY if isinstance(error, TooLossy) else FAILED) from error
    if bounds:
        metrics = artifact.card.metrics
        typer.echo(f"F1 {metrics['gate_f1']:.2f}, in fp32 {metrics['gate_fp32_f1']:.2f}")
    for name, size in artifact.card.bytes.items():
        typer.echo(f"{out / name}: {size / 1e6:.1f} MB")
