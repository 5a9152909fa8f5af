"""`lector collections`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli


def lector(data: Path, *words: object) -> Result:
    return CliRunner().invoke(cli, ["collections", *map(str, words), "--data", str(data)])


def test_collections_are_made_listed_backed_up_restored_renamed_and_deleted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert lector(data, "create", "briefe", "--language", "german", "--index", "SQ8").exit_code == 0
    described = json.loads(lector(data, "describe", "briefe").stdout)
    assert described["options"] == {"language": "german", "index": "SQ8", "effort": 64}
    assert (described["state"], described["documents"], described["dimension"]) == ("READY", 0, 384)
    assert lector(data, "backup", "briefe", tmp_path / "backup").exit_code == 0
    assert lector(data, "restore", tmp_path / "backup", "zwei").exit_code == 0
    assert lector(data, "rename", "zwei", "drei").exit_code == 0
    listed = lector(data, "list").stdout.splitlines()
    assert [line.split(", ")[0] for line in listed] == ["briefe: READY", "drei: READY"]
    assert lector(data, "delete", "drei", "--yes").exit_code == 0
    assert lector(data, "delete", "briefe").exit_code == 1  # nobody says yes
    assert [path.name for path in data.iterdir()] == ["briefe"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["describe", "missing"], "no collection 'missing'"),
        (["create", "a b"], "cannot be a collection's name"),
        (["create", "x", "--index", "nonsense"], "'nonsense' cannot be a dense index"),
        (["restore", "missing", "x"], "there is no backup missing"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, words: list[str], reason: str) -> None:
    result = lector(tmp_path, *words)
    assert result.exit_code == 2
    assert reason in result.stderr
