"""`lector benchmark retriever`: every retriever is asked the same, and judged by the same."""

import json
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

with warnings.catch_warnings():  # haystack imports torch and transformers where they are installed
    warnings.simplefilter("ignore")
    import tests.models.retrievers  # noqa: F401

from app.cli import cli
from benchmarks.retrieval_tables import retriever_table
from tests.models.judged_files import write_beir

pytest.importorskip("ir_measures")

RETRIEVERS = [
    *("Lector hybrid", "Lector sparse", "Lector dense"),
    *("Haystack sparse", "Haystack dense", "Haystack hybrid", "txtai hybrid"),
]


@pytest.mark.filterwarnings("ignore")  # what others' packages warn of
def test_all_retrievers_are_asked_the_same(tmp_path: Path) -> None:
    pytest.importorskip("txtai")
    out = tmp_path / "report.json"
    result = CliRunner().invoke(
        cli, ["benchmark", "retriever", str(write_beir(tmp_path / "planets")), "--json", str(out)]
    )
    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text("utf-8"))
    assert list(report["retrievers"]) == RETRIEVERS
    assert report["machine"]["packages"].keys() >= {"haystack-ai", "txtai"}
    # Each finds all that is relevant among five documents, and the same vectors rank alike wherever they are searched.
    assert {scores["recall@100"] for scores in report["retrievers"].values()} == {1.0}
    assert report["retrievers"]["Haystack dense"]["map"] == report["retrievers"]["Lector dense"]["map"]
    assert all("Lector hybrid" in pair for pair in report["significance"])
    table = retriever_table(report)
    assert table in result.output
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:9]] == RETRIEVERS


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["benchmark", "retriever", str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert "nowhere" in result.output
