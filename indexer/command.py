"""`lector index`, also `python -m indexer`: the job as a command, with a progress bar."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from indexer import demo
from indexer.job import Report, index_demo, index_files
from indexer.sources import find_files
from models.encoder import Encoder
from models.settings import Settings
from store.catalog import Catalog
from store.errors import InvalidInput, LectorError, NotFound

SOME_FAILED, FAILED, INTERRUPTED = 1, 2, 130  # exit codes


class ProgressBar:
    """Files done of all, passages and passages a second, time gone and time left; on standard error."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None, passages=0, rate=0.0)
        self._passages = 0

    def start(self, total: int) -> None:
        self._bar.update(self._task, total=total)

    def source(self, name: str) -> None:
        self._bar.update(self._task, description=Path(name).name[:30])

    def passages(self, count: int) -> None:
        self._passages += count
        elapsed = self._bar.tasks[0].elapsed or 1e-9
        self._bar.update(self._task, passages=self._passages, rate=self._passages / elapsed)

    def done(self) -> None:
        self._bar.advance(self._task)


def index(
    paths: Annotated[list[str] | None, typer.Argument(help="Folders, globs and files.", show_default=False)] = None,
    collection: Annotated[str, typer.Option(help="The collection to index into.")] = demo.COLLECTION,
    sync: Annotated[bool, typer.Option("--sync", help="Also delete documents whose file is gone.")] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="With --sync: also where a path holds no file at all any more.")
    ] = False,
    demo_corpus: Annotated[bool, typer.Option("--demo", help="Index Python's own language reference.")] = False,
    data: Annotated[Path | None, typer.Option(help="Directory of the collections (LECTOR_DATA).")] = None,
) -> None:
    """Index documents: txt, Markdown, HTML, PDF, DOCX, CSV and JSONL, also gzipped. Unchanged files are skipped."""
    console = Console(stderr=True)
    try:
        if bool(paths) == demo_corpus:
            raise InvalidInput("name folders, globs or files to index, or --demo and nothing else")
        if allow_empty and not sync:
            raise InvalidInput("--allow-empty goes with --sync")
        report = _run(paths or [], collection, sync, allow_empty, Settings.load(data=data), console)
    except (LectorError, OSError) as error:
        console.print(f"lector index: {error}", style="red", markup=False, highlight=False)
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        console.print("Interrupted. What was written stays; run the same command again to go on.")
        raise typer.Exit(INTERRUPTED) from None
    for source, reason in report.failed.items():
        console.print(f"not indexed: {source}: {reason}", style="red", markup=False, highlight=False)
    typer.echo(
        f"{collection}: {report.indexed} indexed, {report.unchanged} unchanged, {len(report.failed)} failed; "
        f"{report.documents} documents in {report.passages} passages written, {report.deleted} documents deleted"
    )
    if report.failed:
        raise typer.Exit(SOME_FAILED)


def _run(paths: list[str], name: str, sync: bool, allow_empty: bool, settings: Settings, console: Console) -> Report:
    found = find_files(paths)
    if paths and found.absent == paths and not allow_empty:  # before a collection is made for nothing
        raise NotFound(f"no file, folder or glob match at {', '.join(map(repr, paths))}")
    encoder = Encoder.load(settings.encoder, settings.threads)
    catalog = Catalog(settings.data, encoder.identity)
    try:
        collection = catalog.get(name, create=True)
        with _progress(console) as progress:
            if not paths:
                return index_demo(collection, encoder, progress)
            return index_files(collection, encoder, found, progress, sync=sync, allow_empty=allow_empty)
    finally:
        catalog.close()


@contextmanager
def _progress(console: Console) -> Iterator[ProgressBar]:
    with Progress(
        TextColumn("{task.description:<30}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[passages]} passages, {task.fields[rate]:.0f}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        yield ProgressBar(bar)
