"""`lector`: one command with all the verbs. Each lives in its own room and imports what is heavy when it runs."""

from typing import Any

import typer
from typer.core import TyperGroup

from app.ask_command import ask
from app.serve_command import serve
from benchmarks.command import benchmark
from indexer.collections_command import collections
from indexer.command import index
from indexer.tune_command import tune
from models.compression.command import compress
from models.evaluation.command import evaluate
from models.training.command import train


class TwoWordGroup(TyperGroup):
    """Knows commands of two words, such as `index tune` beside `index`, which takes any other words itself."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = " ".join(args[:2])
        return (name, self.commands[name], args[2:]) if name in self.commands else super().resolve_command(ctx, args)


cli = typer.Typer(
    cls=TwoWordGroup,
    name="lector",
    help="Questions in, verbatim spans of your documents out.",
    no_args_is_help=True,
    add_completion=False,
)
cli.command()(serve)
cli.command(epilog="`lector index tune` measures which dense index suits a collection.")(index)
cli.command("index tune")(tune)
cli.command()(ask)
cli.add_typer(collections, name="collections")
cli.command()(compress)
cli.add_typer(evaluate, name="evaluate")
cli.add_typer(train, name="train")
cli.add_typer(benchmark, name="benchmark")

if __name__ == "__main__":
    cli()
