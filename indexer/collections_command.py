"""`lector collections`: what there is, and making, renaming, deleting, backing up and restoring it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from store.errors import InvalidInput, LectorError

if TYPE_CHECKING:
    from store.catalog import Catalog

FAILED = 2  # exit code

collections = typer.Typer(help="List, make, rename, delete, back up and restore collections.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The collection.")]
Data = Annotated[Path | None, typer.Option(help="Directory of the collections (LECTOR_DATA).")]
Language = Annotated[str | None, typer.Option(help="Whose word stems are searched, or none; without, english.")]
Index = Annotated[str | None, typer.Option(help="A FAISS factory string, or auto; without, auto.")]
Effort = Annotated[int | None, typer.Option(help="Nodes or lists that a search of an inexact index tries; else 256.")]


@collections.command(name="list")
def list_all(data: Data = None) -> None:
    """Every collection with its state and size, one a line."""
    with _catalog(data) as catalog:
        for name in catalog.names():
            found = catalog.describe(name)
            size = f"{found.documents} documents, {found.passages} passages, {found.bytes / 1e6:.1f} MB"
            typer.echo(f"{name}: {found.state}, {found.reason or size}")


@collections.command()
def describe(name: Name, data: Data = None) -> None:
    """All there is to know about one collection, as JSON."""
    import json
    from dataclasses import asdict

    with _catalog(data) as catalog:
        typer.echo(json.dumps(asdict(catalog.describe(name)), indent=1))


@collections.command()
def create(
    name: Name,
    language: Language = None,
    index: Index = None,
    effort: Effort = None,
    data: Data = None,
) -> None:
    """Make an empty collection with other options than the usual ones."""
    from store.options import Options

    with _catalog(data) as catalog:
        catalog.create(name, Options(**_given(language=language, index=index, effort=effort)))


@collections.command(name="set")
def set_options(
    name: Name,
    language: Language = None,
    index: Index = None,
    effort: Effort = None,
    title_weight: Annotated[float | None, typer.Option(help="In BM25, of words in titles; 1 in texts.")] = None,
    depth: Annotated[int | None, typer.Option(help="Passages of each ranking that a hybrid search fuses.")] = None,
    fusion: Annotated[str | None, typer.Option(help="sum (of scores) or rrf (of reciprocal ranks).")] = None,
    dense_weight: Annotated[float | None, typer.Option(help="Of the dense ranking in a fusion, from 0 to 1.")] = None,
    feedback: Annotated[float | None, typer.Option(help="Of the best passages in a second search; 0: none.")] = None,
    data: Data = None,
) -> None:
    """Change how a collection is searched. Views are made anew where needed.

    A server takes up another language at its next search, and the other options at its next start.
    """
    from dataclasses import replace

    changes = _given(
        language=language,
        index=index,
        effort=effort,
        title_weight=title_weight,
        depth=depth,
        fusion=fusion,
        dense_weight=dense_weight,
        feedback=feedback,
    )
    with _catalog(data) as catalog:
        if not changes:
            raise InvalidInput("nothing to change; give an option, see `lector collections set --help`")
        catalog.change(name, replace(catalog.get(name).options, **changes))


@collections.command()
def rename(name: Name, new: Annotated[str, typer.Argument(help="Its new name.")], data: Data = None) -> None:
    """Give a collection another name."""
    with _catalog(data) as catalog:
        catalog.rename(name, new)


@collections.command()
def delete(
    name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, data: Data = None
) -> None:
    """Delete a collection with all its documents."""
    if not yes:
        typer.confirm(f"Delete collection {name} with all its documents?", abort=True)
    with _catalog(data) as catalog:
        catalog.delete(name)


@collections.command()
def backup(name: Name, file: Annotated[Path, typer.Argument(help="Where to.")], data: Data = None) -> None:
    """Copy a collection into one file, also while it is served and written to."""
    with _catalog(data) as catalog:
        catalog.get(name).backup(file)


@collections.command()
def restore(file: Annotated[Path, typer.Argument(help="The backup.")], name: Name, data: Data = None) -> None:
    """Make a new collection of a backup."""
    with _catalog(data) as catalog:
        catalog.restore(file, name)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


@contextmanager
def _catalog(data: Path | None) -> Iterator["Catalog"]:
    from models.encoder import Encoder
    from models.settings import Settings
    from store.catalog import Catalog

    try:
        settings = Settings.load(data=data)
        catalog = Catalog(settings.data, Encoder.load(settings.encoder, settings.threads).identity)
        try:
            yield catalog
        finally:
            catalog.close()
    except (LectorError, OSError) as error:
        typer.secho(f"lector collections: {error}", fg="red", err=True)
        raise typer.Exit(FAILED) from error
