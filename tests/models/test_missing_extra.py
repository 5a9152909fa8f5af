"""Without the extra `train`, what needs it says so before it begins."""

import pytest
from typer.testing import CliRunner

from app.cli import cli
from models.evaluation import terminal

COMMANDS = [
    ["train", "reader", "--config", "c.toml", "--data", ".", "--out", "out"],
    ["train", "retriever", "--config", "c.toml", "--data", ".", "--out", "out"],
    ["train", "soup", "one", "two", "--out", "out"],
    ["compress", "model", "--out", "out"],
    ["evaluate", "calibrate", "tuning.json"],
    ["evaluate", "retriever", "questions.jsonl"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_a_command_names_the_extra_that_it_lacks(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "find_spec", lambda _: None)
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 2
    assert "is not installed; install Lector with its extra `train`" in result.output
