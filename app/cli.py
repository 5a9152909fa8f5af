"""`lector`: one command with all the verbs. Each lives in its own room and imports what is heavy when it runs."""

import typer

from app.ask_command import ask
from app.serve_command import serve
from benchmarks.command import benchmark
from indexer.collections_command import collections
from indexer.command import index
from models.compression.command import compress
from models.evaluation.command import evaluate
from models.training.command import train

cli = typer.Typer(
    name="lector",
    help="Questions in, verbatim spans of your documents out.",
    no_args_is_help=True,
    add_completion=False,
)
cli.command()(serve)
cli.command()(index)
cli.command()(ask)
cli.add_typer(collections, name="collections")
cli.command()(compress)
cli.add_typer(evaluate, name="evaluate")
cli.add_typer(train, name="train")
cli.add_typer(benchmark, name="benchmark")

if __name__ == "__main__":
    cli()
