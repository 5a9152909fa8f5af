"""`lector evaluate retriever` as its tests run it."""

from typer.testing import CliRunner, Result

from models.evaluation.command import evaluate


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate, ["retriever", *map(str, arguments)])
