"""`lector evaluate tune`: choosing by hand-made values, and the command over a corpus whose titles tell all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from models.encoder import Encoder
from models.evaluation import tuning
from models.evaluation.command import evaluate
from models.evaluation.tuning import choose, grid
from store.catalog import Catalog
from store.errors import InvalidInput
from store.options import Options
from store.records import NewDocument, NewPassage
from tests.models.judged_files import write_beir, write_jsonl

pytest.importorskip("ir_measures")

NAMES = [
    "Arvel",
    "Bront",
    "Corvin",
    "Dalmeck",
    "Estrun",
    "Fendal",
    "Gorrick",
    "Hulven",
    "Istram",
    "Jorvald",
    "Kessit",
    "Lom",
]


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(evaluate, [command, *map(str, arguments)])


@pytest.fixture(autouse=True)
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "TITLE_WEIGHTS", (0.0, 0.5, 2.0))
    monkeypatch.setattr(tuning, "DENSE_WEIGHTS", (0.0, 0.5))
    monkeypatch.setattr(tuning, "FEEDBACKS", (0.0, 0.5))


@pytest.fixture
def towns(tmp_path: Path) -> Path:
    """A town each, named by its title; its text speaks of the next one, again and again."""
    folder = tmp_path / "towns"
    (folder / "qrels").mkdir(parents=True)
    texts = [f"It lies by {after}: {after} to the left and {after} behind." for after in (*NAMES[1:], NAMES[0])]
    rows = [
        {"_id": str(i), "title": name, "text": text} for i, (name, text) in enumerate(zip(NAMES, texts, strict=True))
    ]
    write_jsonl(folder / "corpus.jsonl", rows)
    write_jsonl(
        folder / "queries.jsonl", [{"_id": f"q{i}", "text": f"What is {name}?"} for i, name in enumerate(NAMES)]
    )
    lines = ["query-id\tcorpus-id\tscore", *(f"q{i}\t{i}\t1" for i in range(len(NAMES)))]
    (folder / "qrels" / "dev.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def made(command: str, *arguments: object) -> dict[str, Any]:
        result = run(command, *arguments, "--json", tmp_path / "report.json")
        assert result.exit_code == 0, result.output
        read: dict[str, Any] = json.loads((tmp_path / "report.json").read_text("utf-8"))
        return read

    return made


def test_the_best_mean_is_chosen_and_the_first_of_equals() -> None:
    rng = np.random.default_rng(1)
    values = np.repeat(rng.random((40, 1)), 3, axis=1)
    values[:, 2] += 0.1
    chosen = choose(values)
    assert (chosen.best, set(chosen.by_fold)) == (2, {2})
    assert chosen.held_out == pytest.approx(values[:, 2])
    assert sorted(np.concatenate(chosen.folds)) == list(range(40))
    assert choose(values[:, :2]).best == 0


def test_what_is_gained_by_luck_does_not_count() -> None:
    noise = np.random.default_rng(2).normal(size=(50, 300))
    chosen = choose(noise)
    best = noise.mean(axis=0)[chosen.best]
    assert best > 0.3
    assert chosen.held_out.mean() < best / 2
    for fold, candidate in zip(chosen.folds, chosen.by_fold, strict=True):
        others = np.setdiff1d(np.arange(50), fold)
        assert candidate == noise[others].mean(axis=0).argmax()
        assert chosen.held_out[fold] == pytest.approx(noise[fold, candidate])


def test_a_handful_of_questions_is_too_few() -> None:
    with pytest.raises(InvalidInput, match="9 questions are too few"):
        choose(np.zeros((9, 4)))


def test_the_grid_begins_with_what_there_is_and_holds_nothing_twice() -> None:
    present = Options(effort=7, depth=33, title_weight=0.5, dense_weight=0.5, feedback=0.5)
    candidates = grid(present)
    assert candidates[0] == present
    assert len(candidates) == len(set(candidates)) == 2 * 3 * 2 * 2
    assert {(one.effort, one.depth) for one in candidates} == {(7, 33)}


def test_what_is_chosen_is_written_and_gives_what_was_promised(
    towns: Path, tmp_path: Path, report: Callable[..., dict[str, Any]], encoder: Encoder
) -> None:
    index = tmp_path / "index"
    arguments = (towns, "--metric", "mrr", "--index", index, "--threads", 1)
    tried = report("tune", *arguments)
    assert not tried["written"]
    assert (tried["questions"], tried["relevance"], tried["metric"]) == (12, "document", "mrr")
    assert tried["present"]["value"] < tried["best"]["value"]
    assert tried["best"]["title_weight"] == 2
    assert tried["candidates"][0]["value"] == max(one["value"] for one in tried["candidates"]) == tried["best"]["value"]
    assert len(tried["folds"]) == 5
    assert tried["held_out"]["gain"] == pytest.approx(tried["held_out"]["value"] - tried["present"]["value"], abs=2e-4)
    evaluated = ("retriever", towns, "--split", "dev", "--retrievers", "hybrid", "--index", index)
    before = report(*evaluated)
    assert before["retrievers"]["hybrid"]["mrr"] == tried["present"]["value"]
    assert report("tune", *arguments, "--write")["written"]
    after = report(*evaluated)
    assert after["retrievers"]["hybrid"]["mrr"] == tried["best"]["value"]
    catalog = Catalog(index, encoder.identity)
    (name,) = catalog.names()
    assert catalog.get(name).options.title_weight == after["options"]["title_weight"] == 2
    catalog.close()
    again = report("tune", *arguments, "--write")
    assert again["present"] == tried["best"]
    assert (again["held_out"]["gain"], again["written"]) == (0, False)


def test_a_collection_that_is_there_is_tuned_by_its_answers(
    towns: Path, tmp_path: Path, report: Callable[..., dict[str, Any]]
) -> None:
    name = report("tune", towns, "--index", tmp_path, "--threads", 1)["corpus"]["collection"]
    questions = [{"question": f"What does {name} lie by?", "answers": [f"lies by {name}"]} for name in NAMES]
    path = write_jsonl(tmp_path / "questions.jsonl", questions)
    found = report("tune", path, "--collection", name, "--data", tmp_path, "--metric", "hit@1", "--limit", 10)
    assert (found["relevance"], found["questions"], found["best"]["value"]) == ("answer", 10, 1)
    assert found["corpus"]["collection"] == name


def test_a_long_document_keeps_no_other_out(
    tmp_path: Path, report: Callable[..., dict[str, Any]], encoder: Encoder
) -> None:
    texts = [f"{name} lies by the river." for name in NAMES]
    loud = ["Which town lies by the river?" + " " * i + "." for i in range(120)]
    catalog = Catalog(tmp_path, encoder.identity)
    collection = catalog.create("towns")
    for id_, parts in [("loud", loud), *zip(NAMES, ([text] for text in texts), strict=True)]:
        ends = np.cumsum([len(part) for part in parts]).tolist()
        spans = zip([0, *ends], ends, encoder.encode(parts), strict=False)
        collection.write([NewDocument(id_, "".join(parts), tuple(NewPassage(*span) for span in spans))])
    catalog.close()
    questions = [{"question": "Which town lies by the river?", "relevant": [name]} for name in NAMES]
    path = write_jsonl(tmp_path / "questions.jsonl", questions)
    asked = (path, "--collection", "towns", "--data", tmp_path)
    tried = report("tune", *asked, "--metric", "mrr")
    evaluated = report("retriever", *asked, "--retrievers", "hybrid")
    assert tried["present"]["value"] == pytest.approx(evaluated["retrievers"]["hybrid"]["mrr"], abs=1e-4)
    assert tried["present"]["value"] == pytest.approx(np.mean([1 / rank for rank in range(2, 14)]), abs=1e-4)


def test_a_question_that_is_a_document_does_not_find_itself(towns: Path, report: Callable[..., dict[str, Any]]) -> None:
    rows = [json.loads(line) for line in (towns / "corpus.jsonl").read_text("utf-8").splitlines()]
    write_jsonl(towns / "queries.jsonl", [{"_id": row["_id"], "text": row["text"]} for row in rows])
    lines = [f"{i}\t{(i + 1) % len(NAMES)}\t1" for i in range(len(NAMES))]
    (towns / "qrels" / "dev.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n", "utf-8")
    tried = report("tune", towns, "--metric", "mrr")
    evaluated = report("retriever", towns, "--split", "dev", "--retrievers", "hybrid")
    assert tried["present"]["value"] == pytest.approx(evaluated["retrievers"]["hybrid"]["mrr"], abs=1e-4)
    assert tried["present"]["value"] > 0.9


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--metric", "ndcg"), "'ndcg' is not measured by document; choose of ndcg@10, recall@10"),
        (("--metric", "ndcg@0"), "'ndcg@0' is not measured"),
        (("--write",), "is temporary; keep it with --index to --write to it"),
        (("--split", "test"), "has no split 'test'; there are: dev"),
        (("--limit", "9"), "9 questions are too few to choose by"),
        (("--collection", "towns"), "brings its own corpus; leave --collection out"),
    ],
)
def test_what_cannot_be_tuned_is_refused(towns: Path, arguments: tuple[str, ...], reason: str) -> None:
    result = run("tune", towns, *arguments)
    assert result.exit_code == 2
    assert reason in " ".join(result.output.split())


def test_a_collection_has_to_be_named_where_there_is_no_corpus(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "questions.jsonl", [{"question": "Who?", "answers": ["me"]}])
    assert "brings no corpus; name what its questions are about" in run("tune", path, "--metric", "hit@1").output
    folder = write_beir(tmp_path / "planets")
    assert "1 questions are too few" in run("tune", folder).output
