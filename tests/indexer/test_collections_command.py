"""`lector collections`."""

import json
import resource
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
    assert described["options"].items() >= {"language": "german", "index": "SQ8", "effort": 256}.items()
    assert (described["state"], described["documents"], described["dimension"]) == ("READY", 0, 384)
    assert lector(data, "backup", "briefe", tmp_path / "backup").exit_code == 0
    assert lector(data, "restore", tmp_path / "backup", "zwei").exit_code == 0
    assert lector(data, "rename", "zwei", "drei").exit_code == 0
    listed = lector(data, "list").stdout.splitlines()
    assert [line.split(", ")[0] for line in listed] == ["briefe: READY", "drei: READY"]
    assert lector(data, "delete", "drei", "--yes").exit_code == 0
    assert lector(data, "delete", "briefe").exit_code == 1  # nobody says yes
    assert [path.name for path in data.iterdir()] == ["briefe"]


def test_options_are_changed_one_by_one(tmp_path: Path) -> None:
    def options() -> dict[str, object]:
        found: dict[str, object] = json.loads(lector(tmp_path, "describe", "briefe").stdout)["options"]
        return found

    assert lector(tmp_path, "create", "briefe", "--language", "german").exit_code == 0
    before = options()
    assert lector(tmp_path, "set", "briefe", "--index", "HNSW32,SQ8", "--effort", 128).exit_code == 0
    assert options() == {**before, "index": "HNSW32,SQ8", "effort": 128}
    assert lector(tmp_path, "set", "briefe", "--language", "none").exit_code == 0
    assert options() == {**before, "language": "none", "index": "HNSW32,SQ8", "effort": 128}
    refused = lector(tmp_path, "set", "briefe", "--index", "nonsense")
    assert (refused.exit_code, "'nonsense' cannot be a dense index" in refused.stderr) == (2, True)
    assert "nothing to change; give an option" in lector(tmp_path, "set", "briefe").stderr
    assert "no collection 'missing'" in lector(tmp_path, "set", "missing", "--effort", 1).stderr
    assert options() == {**before, "language": "none", "index": "HNSW32,SQ8", "effort": 128}


def test_a_backup_onto_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    assert lector(tmp_path / "data", "create", "letters").exit_code == 0
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, most))
    try:
        result = lector(tmp_path / "data", "backup", "letters", tmp_path / "backup")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
    assert result.exit_code == 2
    assert "/backup cannot be written now" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


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


def test_how_hybrid_searches_fuse_is_changed_by_hand(tmp_path: Path) -> None:
    assert lector(tmp_path, "create", "notes").exit_code == 0
    weights = ("--title-weight", 1, "--depth", 50, "--dense-weight", 0.25, "--feedback", 0)
    assert lector(tmp_path, "set", "notes", *weights, "--fusion", "rrf").exit_code == 0
    found = json.loads(lector(tmp_path, "describe", "notes").stdout)["options"]
    wanted = {"title_weight": 1.0, "depth": 50, "fusion": "rrf", "dense_weight": 0.25, "feedback": 0.0}
    assert found.items() >= wanted.items()
    assert "unknown fusion 'max'; choose of sum, rrf" in lector(tmp_path, "set", "notes", "--fusion", "max").stderr
