"""`lector serve`."""

from pathlib import Path
from typing import Annotated

import typer

from store.errors import LectorError


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (LECTOR_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (LECTOR_PORT).")] = None,
    data: Annotated[Path | None, typer.Option(help="Directory of the collections (LECTOR_DATA).")] = None,
) -> None:
    """Serve the collections over HTTP."""
    import uvicorn

    from app.main import create_app
    from models.artifact import load_artifact
    from models.settings import Settings

    try:
        settings = Settings.load(host=host, port=port, data=data)
        load_artifact(settings.encoder, "encoder")
        load_artifact(settings.reader, "reader")
    except LectorError as error:
        typer.secho(f"lector serve: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port)
