"""`lector index tune`, and `lector index` beside it."""

import gzip
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from indexer.tune_command import _to_set
from models.encoder import Encoder
from store.catalog import Catalog
from store.options import Options
from store.records import NewDocument, NewPassage
from store.tuning import Measured

PASSAGES = 1_500
INDEXES = ("--index", "SQ8", "--index", "IVF16,SQ8")


def lector(*words: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, words)])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    """`many`, random vectors with an inexact index, and `few`."""
    folder = tmp_path_factory.mktemp("data")
    dimension = encoder.identity.dimension
    vectors = np.random.default_rng(3).normal(size=(PASSAGES, dimension)).astype(np.float32)
    documents = [NewDocument(str(i), "every", (NewPassage(0, 5, vector),)) for i, vector in enumerate(vectors)]
    catalog = Catalog(folder, encoder.identity)
    catalog.create("many", Options(index="SQ8")).write(documents)
    catalog.create("few").write(documents[:3])
    catalog.close()
    return folder


def tune(data: Path, *words: object) -> Result:
    return lector("index", "tune", "--data", data, "--collection", "many", "--sample", 20, *words)


def test_a_collection_is_measured_and_an_index_recommended(data: Path, tmp_path: Path) -> None:
    result = tune(data, *INDEXES, "--json", tmp_path / "report.json")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["passages"], report["questions"], report["limit"]) == (PASSAGES, 20, Options().depth)
    assert {m["index"] for m in report["measured"]} == {"Flat", "SQ8", "IVF16,SQ8"}
    assert [m["effort"] for m in report["measured"]] == [None, None, 16]
    assert report["measured"][0]["recall_at_20"] == 1
    assert "IVF16,SQ8" in result.stdout
    assert "Recommended: Flat: exact search takes" in result.stdout
    command = result.stdout.rpartition("To have it: lector ")[2].replace("\n", "")
    assert command.startswith("collections set many --index auto")
    unchanged = json.loads(lector("collections", "describe", "many", "--data", data).stdout)
    assert unchanged["options"]["index"] == "SQ8"  # it recommends one, and sets none


def test_the_command_that_is_printed_sets_the_index(data: Path, tmp_path: Path) -> None:
    assert lector("collections", "backup", "many", tmp_path / "backup", "--data", data).exit_code == 0
    assert lector("collections", "restore", tmp_path / "backup", "copy", "--data", tmp_path).exit_code == 0
    words = ["index", "tune", "--collection", "copy", "--data", tmp_path, "--sample", 5, "--index", "SQ8"]
    command = shlex.split(lector(*words).stdout.rpartition("To have it: lector ")[2])
    assert lector(*command).exit_code == 0
    assert "That is what the collection has." in lector(*words).stdout


@pytest.mark.parametrize("name", ["questions.txt", "questions.jsonl.gz"])
def test_questions_come_from_a_file(data: Path, tmp_path: Path, name: str) -> None:
    texts = [f"What is number {i}?" for i in range(30)]
    lines = [json.dumps({"question": text}) for text in texts] if "jsonl" in name else ["", *texts]
    content = "\n".join(lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    words = ("--index", "SQ8", "--limit", 20, "--json", tmp_path / "report.json")
    assert tune(data, "--questions", tmp_path / name, *words).exit_code == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["questions"], report["source"], report["limit"]) == (20, str(tmp_path / name), 20)


def test_a_small_collection_needs_no_tuning(data: Path) -> None:
    result = lector("index", "tune", "--data", data, "--collection", "few")
    assert result.exit_code == 0
    assert "Collection few has 3 passages with embeddings. Below 1,000 every search is exact" in result.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--index", "nonsense"], "'nonsense' cannot be a dense index of 384 dimensions"),
        (["--index", "IVF2048,Flat"], "too few to train 'IVF2048,Flat'"),
        (["--questions", "/missing.txt"], "no file /missing.txt"),
        (["--questions", "/dev/null"], "no file /dev/null"),
        (["--json", "/missing/report.json"], "there is no folder /missing"),
        (["--collection", "none"], "there is no collection 'none'"),
        (["--recall", "2"], "less than or equal to 1"),
        (["more"], "unexpected extra argument"),
    ],
)
def test_what_cannot_be_measured_is_said(data: Path, words: list[str], reason: str) -> None:
    result = tune(data, *words)
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.replace("│", "").split())


def test_a_file_without_questions_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    assert "has no questions; put one on each line" in tune(data, "--questions", tmp_path / "empty.txt").stderr


def test_what_is_to_be_set_is_told_in_the_commands_words() -> None:
    graph = Measured("HNSW32,SQ8", 512, 0, 0, 0, 0, 1, 1)
    assert _to_set(graph, Options(), 60_000) == ["--index", "auto", "--effort", "512"]
    assert _to_set(graph, Options(), 40_000) == ["--index", "HNSW32,SQ8", "--effort", "512"]
    assert _to_set(graph, Options(effort=512), 60_000) == []
    flat = Measured("Flat", None, 0, 0, 0, 0, 1, 1)
    assert _to_set(flat, Options(effort=3), 40_000) == []
    assert _to_set(flat, Options(), 60_000) == ["--index", "Flat"]
    assert _to_set(flat, Options(index="SQ8"), 40_000) == ["--index", "auto"]


def test_documents_are_indexed_as_ever_also_from_a_folder_called_tune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tune").mkdir()
    (tmp_path / "tune" / "a.txt").write_text("The lighthouse was built in 1873.")
    monkeypatch.chdir(tmp_path)
    first = lector("index", "./tune", "--data", "data")
    assert first.stdout.startswith("default: 1 indexed, 0 unchanged, 0 failed"), first.output
    options_first = lector("index", "--data", "data", "tune")
    assert options_first.stdout.startswith("default: 0 indexed, 1 unchanged, 0 failed"), options_first.output
    assert "name folders, globs or files" in lector("index").stderr


def test_both_explain_themselves() -> None:
    plain, tuning, all_ = (lector(*words, "--help").stdout for words in (["index"], ["index", "tune"], []))
    assert "index [OPTIONS] [paths]..." in plain
    assert "lector index tune" in plain
    assert "index tune [OPTIONS]" in tuning
    assert "--recall" in tuning
    assert "--sync" not in tuning
    assert "index tune" in all_
