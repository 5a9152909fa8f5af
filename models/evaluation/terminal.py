"""What the evaluating commands share at a terminal: progress bars, options that are lists, errors as exit codes."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from store.errors import InvalidInput, LectorError, NotFound, Unavailable

if TYPE_CHECKING:
    from rich.console import RenderableType

FAILED, INTERRUPTED = 2, 130  # exit codes
MOST = 1_000_000  # of a cutoff
WIDTH = 140  # of tables that are not written to a terminal
TRAINING_PACKAGES = ("torch", "transformers", "sentence_transformers", "onnx", "tqdm")  # what no training is without

Track = Callable[[Sequence[Any], str], Iterable[Any]]  # steps and what they are, to the same steps


def silently(steps: Sequence[Any], what: str) -> Iterable[Any]:  # noqa: ARG001
    """No progress bar."""
    return steps


def with_bars() -> Track:
    """A progress bar for each loop, on standard error."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import track

    console = Console(stderr=True)
    return lambda steps, what: track(steps, escape(what), console=console)


def show(what: "RenderableType") -> None:
    """Tables, on standard output."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(what)


@contextmanager
def errors_shown(command: str, stays: str = "") -> Iterator[None]:
    """What the caller can mend is said in red and exits with 2, an interruption with 130.

    `stays` names the option of a folder from whose contents the same command goes on.
    """
    try:
        yield
    except (LectorError, OSError) as error:
        typer.secho(f"{command}: {error}", fg="red", err=True)
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        on = f" What {stays} holds stays; run the same command again to go on." if stays else ""
        typer.echo(f"Interrupted.{on}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def check_installed(*packages: str) -> None:
    """That what a command imports late is there before it begins.

    Raises:
        Unavailable: a package is not installed.
    """
    for package in packages:
        if find_spec(package) is None:
            raise Unavailable(f"{package} is not installed; install Lector with its extra `train`")


def check_outputs(*paths: Path | None) -> None:
    """That what takes long to make can be written where it shall be, before it is made.

    Raises:
        NotFound: a folder does not exist.
        InvalidInput: a folder stands where the file shall be, or it cannot be written.
    """
    for path in filter(None, paths):
        if not path.parent.is_dir():
            raise NotFound(f"there is no folder {path.parent} to write {path.name} to; make it first")
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder; name a file")
        new = not path.exists()
        try:
            path.open("ab").close()
        except OSError as error:
            raise InvalidInput(f"{path} cannot be written ({error.strerror}); name another file") from error
        if new:
            path.unlink()


def check_plot(path: Path | None) -> None:
    """The same for a plot, which has to be of a kind that can be drawn.

    Raises:
        Unavailable: matplotlib is not installed.
        NotFound, InvalidInput: as of `check_outputs`, or the file's name ends in nothing that can be drawn.
    """
    if path is None:
        return
    check_installed("matplotlib")
    check_outputs(path)
    from matplotlib.backend_bases import FigureCanvasBase

    kinds = FigureCanvasBase.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in kinds:
        raise InvalidInput(f"{path} is no plot's name; let it end in .png, .svg or .pdf")


def write_json(report: Mapping[str, Any], path: Path | None) -> None:
    """A report to a file, if one is wanted."""
    if path:
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def names_in(option: str) -> list[str]:
    """The parts of a list between commas, each once.

    Raises:
        InvalidInput: there is none.
    """
    names = list(dict.fromkeys(name.strip() for name in option.split(",") if name.strip()))
    if not names:
        raise InvalidInput(f"{option!r} names nothing; give names with commas between them")
    return names


def numbers_in(option: str) -> list[int]:
    """The whole numbers, from 1 to a million, of a list between commas, sorted, each once.

    Raises:
        InvalidInput: one is something else, or there is none.
    """
    names = names_in(option)
    if not all(name.isdecimal() and 0 < int(name) <= MOST for name in names):
        raise InvalidInput(f"{option!r} is no list of whole numbers from 1 to {MOST:,} such as 1,5,10")
    return sorted({int(name) for name in names})
