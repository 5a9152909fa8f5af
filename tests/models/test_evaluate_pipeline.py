"""`lector evaluate pipeline`: what was answered, which part failed, and the command over a small corpus."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.confidence import Calibration
from models.evaluation.command import evaluate
from models.evaluation.end_to_end import Asked, Failure, Verdict, failure_of, figures, judge
from models.evaluation.judgements import Query
from models.pipeline import QuestionAnswerer
from models.retrieval import Retrieved
from models.settings import Settings
from models.spans import Span
from store.catalog import Catalog
from store.records import Document, Passage
from tests.models.judged_files import PLANETS, QUESTIONS, write_jsonl, write_squad

REFUSES_BELOW_0 = Calibration({})  # even odds at a margin of 0


@pytest.mark.parametrize(
    ("refused", "right", "retrieved", "failure"),
    [
        (False, [True, False], True, None),
        (False, [True], False, None),
        (True, [True, False], True, "wrongly_refused"),
        (False, [False, True], True, "not_first"),
        (True, [False, False, True], False, "not_first"),
        (False, [False, False], True, "not_read"),
        (True, [], True, "not_read"),
        (False, [False], False, "not_retrieved"),
        (True, [], False, "not_retrieved"),
    ],
)
def test_which_part_failed(refused: bool, right: list[bool], retrieved: bool, failure: Failure | None) -> None:
    assert failure_of(True, refused, right, retrieved) == failure


def test_a_question_without_an_answer_is_to_be_refused() -> None:
    assert failure_of(False, True, [False], False) is None
    assert failure_of(False, False, [False], False) == "wrongly_answered"


def passage(number: int, text: str) -> Retrieved:
    document = Document(number, f"d{number}", "", "", {}, "")
    return Retrieved(Passage(number, f"d{number}:0", document, 0, 0, len(text), None, text), 1.0, None, None)


def span(text: str, part: str, score: float) -> Span:
    start = text.index(part)
    return Span(start, start + len(part), score, score)


ONE, OTHER = "It was built in May 1873 by Ada.", "The mill of 1900 is gone."
BUILT = Query("q", "When?", {"d0": 1}, ("1873", "the"))


@pytest.mark.parametrize(
    ("spans", "answer", "em", "f1", "failure"),
    [
        ([[("1873", 3.0)], []], "1873", 1, 1, None),
        ([[("May 1873", 3.0)], []], "May 1873", 0, 2 / 3, None),
        ([[("in May 1873 by", 3.0)], []], "in May 1873 by", 0, 2 / 5, "not_read"),
        ([[("1873", 1.0)], [("1900", 2.0)]], "1900", 0, 0, "not_first"),
        ([[("Ada", 1.0)], [("1900", 2.0)]], "1900", 0, 0, "not_read"),
        ([[("1873", -1.0)], []], "1873", 0, 0, "wrongly_refused"),
        ([[], []], "", 0, 0, "not_read"),
    ],
)
def test_an_answer_is_judged_by_its_best_reference(
    spans: list[list[tuple[str, float]]], answer: str, em: float, f1: float, failure: Failure | None
) -> None:
    read = [[span(text, *one) for one in some] for text, some in zip((ONE, OTHER), spans, strict=True)]
    verdict = judge(BUILT, [passage(0, ONE), passage(1, OTHER)], read, REFUSES_BELOW_0)
    assert (verdict.answer, verdict.em, verdict.failure) == (answer, em, failure)
    assert verdict.f1 == pytest.approx(f1)
    assert verdict.answered is (bool(answer) and failure != "wrongly_refused")


def test_a_passage_that_is_not_the_questions_own_was_not_what_had_to_be_retrieved() -> None:
    wrong = judge(BUILT, [passage(1, OTHER)], [[span(OTHER, "1900", 2.0)]], REFUSES_BELOW_0)
    assert wrong.failure == "not_retrieved"
    copy = replace(passage(1, OTHER), copies=(passage(0, OTHER).passage,))
    assert judge(BUILT, [copy], [[span(OTHER, "1900", 2.0)]], REFUSES_BELOW_0).failure == "not_read"
    none = judge(Query("q", "Who?"), [passage(1, OTHER)], [[span(OTHER, "1900", -2.0)]], REFUSES_BELOW_0)
    assert (none.em, none.f1, none.failure, none.answered) == (1, 1, None, False)


def test_figures_are_means_and_counts() -> None:
    def asked(rank: int | None, answered: bool, em: float, f1: float, failure: Failure | None, ms: float) -> Asked:
        verdict = Verdict("x", 0.5, 0.5, answered, em, f1, failure)
        query = Query("q", "Who?", {"d0": 1}, () if failure == "wrongly_answered" else ("x",))
        return Asked(query, rank, 1.0, 2.0, {2: ms}, {2: verdict})

    found = figures(
        [
            asked(1, True, 1.0, 1.0, None, 10.0),
            asked(2, True, 0.0, 0.6, None, 20.0),
            asked(3, False, 0.0, 0.0, "not_retrieved", 30.0),
            asked(None, True, 0.0, 0.0, "wrongly_answered", 40.0),
        ],
        [2],
    )
    assert found["latency_ms"] == {"encode": {"p50": 1.0, "p95": 1.0}, "retrieve": {"p50": 2.0, "p95": 2.0}}
    row = found["passages"]["2"]
    assert (row["em"], row["f1"]) == (25.0, 40.0)
    assert row["intervals"]["em"][0] <= 25 <= row["intervals"]["em"][1]
    assert row["answered"] == 0.75
    assert row["context_retrieved"] == pytest.approx(
        2 / 3, abs=1e-4
    )  # of those with an answer; the third comes too late
    assert row["no_answer_accuracy"] == 0
    assert row["right"] == 2
    assert {name: count for name, count in row["failures"].items() if count} == {
        "not_retrieved": 1,
        "wrongly_answered": 1,
    }
    assert row["latency_ms"]["read"] == {"p50": 25.0, "p95": 38.5}
    assert row["latency_ms"]["total"] == {"p50": 28.0, "p95": 41.5}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate, ["pipeline", *map(str, arguments)])


def test_the_command_answers_as_the_service_does(tmp_path: Path) -> None:
    path, index = write_squad(tmp_path / "planets.json"), tmp_path / "index"
    more = write_jsonl(tmp_path / "more.jsonl", [{"title": t, "text": text} for t, text in PLANETS.values()])
    out, rows = tmp_path / "report.json", tmp_path / "rows.jsonl"
    result = run(
        path, "--distractors", more, "--index", index, "--retriever", "hybrid,sparse", "--passages", "1,3",
        "--json", out, "--per-question", rows, "--threads", 1,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text("utf-8"))
    assert (report["questions"], report["answerable"]) == (4, 3)
    assert report["corpus"].items() >= {"documents": 5, "distractors": 2}.items()
    assert list(report["retrievers"]) == ["hybrid", "sparse"]
    for scores in report["retrievers"].values():
        for row in scores["passages"].values():
            assert row["right"] + sum(row["failures"].values()) == 4
    assert report["retrievers"]["hybrid"]["passages"]["3"]["context_retrieved"] == 1
    assert "passages read" in result.stdout

    settings = Settings(data=index, threads=1)
    service = QuestionAnswerer.load(settings)
    catalog = Catalog(index, service.encoder.identity)
    collection = catalog.get(report["corpus"]["collection"])
    lines: list[dict[str, Any]] = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    assert {line["id"] for line in lines} == {*QUESTIONS, "q-none"}
    for line in lines:
        assert all(line["retrievers"]["hybrid"]["passages"][count]["read_ms"] > 0 for count in ("1", "3"))
        assert line["retrievers"]["sparse"]["context_rank"] == (None if line["id"] == "q-none" else 1)
        for count, found in line["retrievers"]["hybrid"]["passages"].items():
            outcome = service.ask(collection, line["question"], passages=int(count), min_confidence=0)
            assert found["answer"] == outcome.answers[0].text
            assert found["confidence"] == pytest.approx(outcome.answers[0].confidence, abs=1e-4)
            assert found["no_answer_confidence"] == pytest.approx(outcome.no_answer_confidence, abs=1e-4)
            assert found["answered"] is (outcome.no_answer_confidence < 0.5)
    catalog.close()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--retriever", "bm25"], "'bm25' names an unknown retriever; choose of hybrid, sparse, dense"),
        (["--passages", "101"], "101 passages are too many; at most 100"),
        (["--passages", "some"], "'some' is no list of whole numbers"),
        (["--reader", "nowhere"], "no model 'nowhere'"),
        (["--distractors", "none.jsonl"], "no file none.jsonl"),
        (["--json", "nowhere/out.json"], "there is no folder nowhere"),
    ],
)
def test_bad_options_exit_with_2_and_say_why(tmp_path: Path, arguments: list[str], reason: str) -> None:
    result = run(write_squad(tmp_path / "planets.json"), *arguments)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text('{"data": []}')
    result = run(path)
    assert result.exit_code == 2
    assert "empty.json holds no question" in result.stderr
