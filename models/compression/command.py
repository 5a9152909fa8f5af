"""`lector compress`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from store.errors import LectorError


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
    fp32: Annotated[bool, typer.Option("--fp32", help="Leave it unquantized, to compare with.")] = False,
    licence: Annotated[str, typer.Option(help="The model's licence, for its card.")] = "",
) -> None:
    """Export a model to ONNX, fuse it and quantize it to int8; needs the extra `train`."""
    from models.compression.compress import compress as run

    try:
        artifact = run(source, kind.value, out, int8=not fp32, licence=licence)
    except LectorError as error:
        typer.secho(f"lector compress: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    for name, size in artifact.card.bytes.items():
        typer.echo(f"{out / name}: {size / 1e6:.1f} MB")
