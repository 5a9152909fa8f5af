"""The report on SQuAD files and its command, and contexts of many windows, with the shipped reader."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.artifact import load_artifact
from models.evaluation.command import evaluate
from models.evaluation.reader import predict
from models.evaluation.reader_report import evaluate_files, line
from models.evaluation.squad import Question
from models.reader import Reader
from tests.models.asking import UNANSWERABLE, prediction
from tests.models.halls import write_halls

SENTENCE = "The lighthouse of Älvsborg 🗼 was designed by the engineer Gustaf von Heidenstam in the spring of 1873."
QUESTION = "Who designed the lighthouse of Älvsborg?"
LONG = 30_000  # characters


def distractors(length: int) -> list[str]:
    """Sentences of about so many characters in all, each another, in none of which a lighthouse is designed."""
    subjects = ["The harbour master", "A merchant from Lübeck", "The parish council", "An old fisherman", "The widow"]
    verbs = ["sold", "repaired", "painted", "described", "inherited", "measured", "borrowed"]
    things = ["the wooden boats", "a bakery on Mill Street", "the town's only clock", "the herring", "a map of the bay"]
    ends = ["before the winter came", "for a small sum", "although nobody had asked"]
    parts = enumerate(product(subjects, verbs, things, ends), 1400)
    found = [f"In {year} {subject.lower()} {verb} {thing} {end}." for year, (subject, verb, thing, end) in parts]
    count = next(n for n in range(len(found)) if sum(map(len, found[:n])) + n >= length)
    return found[:count]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_same_sentence_is_found_wherever_it_stands_in_a_long_context(reader: Reader, share: float) -> None:
    sentences = distractors(LONG)
    sentences.insert(round(share * len(sentences)), SENTENCE)
    context = " ".join(sentences)
    start = context.index("Gustaf von Heidenstam")
    assert len(context) > LONG
    (found,) = predict(reader, [Question("q", QUESTION, "", context, ((start, "Gustaf von Heidenstam"),))])
    assert found.span is not None
    assert (found.em, found.answer) == (1.0, "Gustaf von Heidenstam")
    assert (found.span.start, found.span.end) == (start, start + len("Gustaf von Heidenstam"))
    assert found.span.score > 0


def lector_evaluate(*words: object) -> Result:
    return CliRunner().invoke(evaluate, [*map(str, words)])


def test_the_command_writes_a_report_and_a_line_for_each_question(tmp_path: Path) -> None:
    halls, report, lines = tmp_path / "halls.json", tmp_path / "report.json", tmp_path / "lines.jsonl"
    write_halls(halls, 12)
    result = lector_evaluate("reader", halls, "--json", report, "--predictions", lines, "--limit", 6)
    assert result.exit_code == 0, result.output
    assert "question type: when" in result.output
    found = json.loads(report.read_text())
    assert found["reader"] == "base"
    assert found["sha256"] == load_artifact("base", "reader").checksum
    assert found["settings"] == {"max_length": 384, "doc_stride": 128, "closer_look": 48}
    scores = found["files"][str(halls)]
    assert {"n", "em", "f1", "by"} == set(scores)
    assert scores["by"] == {"question type": {"when": scores_of(scores)}, "answer length": {"1": scores_of(scores)}}
    written = [json.loads(text) for text in lines.read_text(encoding="utf-8").splitlines()]
    assert [w["id"] for w in written] == ["0", "2", "4", "6", "8", "10"]
    assert written[1]["references"] == ["1702"]
    for one in written:
        context = f"The building called Hall {chr(65 + int(one['id']))}{one['id']} was finished in "
        assert one["file"] == str(halls)
        assert (one["question_type"], one["answer_tokens"]) == ("when", 1)
        if one["em"]:
            assert (one["start"], one["end"]) == (len(context), len(context) + 4)
    assert scores["em"] == pytest.approx(100 * sum(w["em"] for w in written) / 6, abs=0.01)
    assert scores["em"] > 80


def scores_of(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: scores[name] for name in ("n", "em", "f1")}


def test_windows_may_be_others_than_the_card_s(tmp_path: Path) -> None:
    sentences = [*distractors(1500), SENTENCE]
    context = " ".join(sentences)
    start = context.index("Gustaf")
    answer = {"text": "Gustaf von Heidenstam", "answer_start": start}
    paragraph = {"context": context, "qas": [{"id": "q", "question": QUESTION, "answers": [answer]}]}
    path = tmp_path / "long.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}), encoding="utf-8")
    report = evaluate_files([path], load_artifact("base", "reader"), settings={"max_length": 128, "doc_stride": 64})
    assert report["settings"] == {"max_length": 128, "doc_stride": 64, "closer_look": 48}
    scores = report["files"][str(path)]
    assert scores["by"]["answer position"] == {"last quarter": {"n": 1, "em": 100.0, "f1": 100.0}}
    whole = evaluate_files([path], load_artifact("base", "reader"), settings={"max_length": 512})
    assert whole["settings"] == {"max_length": 512, "doc_stride": 128, "closer_look": 48}
    assert "answer position" not in whole["files"][str(path)]["by"]


def test_a_question_without_a_span_has_a_line_of_plain_json() -> None:
    text = json.dumps(line("f", prediction(float("-inf"), 0.0, asked=UNANSWERABLE)), allow_nan=False)
    found = json.loads(text)
    assert (found["answer"], found["start"], found["end"], found["margin"]) == ("", None, None, None)
    assert (found["references"], found["answer_tokens"]) == ([], None)


def test_both_kinds_of_questions_are_shown_apart(tmp_path: Path) -> None:
    write_halls(tmp_path / "halls[old].json", 5, answered=False)
    result = lector_evaluate("reader", tmp_path / "halls[old].json")
    assert result.exit_code == 0
    assert "halls[old].json" in result.output
    assert "without one" in result.output
    assert "question type: who" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reader", "none.json"], "no file none.json"),
        (["reader", "{halls}", "--reader", "none"], "no model 'none'"),
        (["reader", "{halls}", "--max-length", "9"], "leaves no room"),
        (["reader", "{halls}", "--max-length", "513"], "less than or equal to 512"),
        (["reader", "{halls}", "--json", "{folder}/none/report.json"], "no folder"),
        (["null-threshold", "{halls}"], "both kinds"),
        (["calibrate", "{halls}"], "too few"),
        (["calibrate", "{halls}", "--plot", "{folder}"], "is a folder"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(tmp_path: Path, words: list[str], said: str) -> None:
    halls = tmp_path / "halls.json"
    write_halls(halls, 3)
    result = lector_evaluate(*(word.format(halls=halls, folder=tmp_path) for word in words))
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == [halls]
