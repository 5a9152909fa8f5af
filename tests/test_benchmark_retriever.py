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
from tests.models.judged_files import PLANETS, write_beir, write_jsonl, write_subjqa

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


@pytest.mark.filterwarnings("ignore")
def test_answers_may_tell_what_is_relevant(tmp_path: Path) -> None:
    pytest.importorskip("txtai")
    rows = [{"id": id_, "text": text} for id_, (_, text) in PLANETS.items()]
    corpus = write_jsonl(tmp_path / "corpus.jsonl", rows)
    path = write_jsonl(tmp_path / "questions.jsonl", [{"question": "Which has rings of ice?", "answers": ["Saturn"]}])
    result = CliRunner().invoke(cli, ["benchmark", "retriever", str(path), "--corpus", str(corpus)])
    assert result.exit_code == 0, result.output
    assert "| Lector hybrid | 1.000 | 1.000 | 1.000 | 1.000 |" in result.output


def test_sources_that_others_could_not_be_asked_of_are_refused(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "questions.jsonl", [{"question": "Who?", "answers": ["me"]}])
    for source in (path, write_subjqa(tmp_path / "things.csv")):
        result = CliRunner().invoke(cli, ["benchmark", "retriever", str(source)])
        assert result.exit_code == 2
        assert "sources that bring their corpus and ask all of it" in result.output


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["benchmark", "retriever", str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert "nowhere" in result.output
