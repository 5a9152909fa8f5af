"""Questions that lie beside the code, and the passages that they are joined with."""

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.evaluation.files import read_jsonl
from models.evaluation.squad import read_squad
from models.training.command import train
from models.training.written import QUESTIONS, Joined, digest, join_written
from store.errors import InvalidInput
from tests.models.judged_files import PLANETS, write_jsonl, write_squad

TEXT = "The tower was built in 1873.\nIt is 31 metres high."


@pytest.fixture
def passages(tmp_path: Path) -> Path:
    rows = [{"text": "Nobody asks of this."}, {"text": f"  {TEXT} ", "title": "The tower"}, {"text": TEXT}]
    return write_jsonl(tmp_path / "passages.jsonl.gz", rows)


def test_questions_find_their_passage_whatever_its_white_space(passages: Path, tmp_path: Path) -> None:
    questions = [
        {"passage": digest(TEXT.replace(" ", "\n")), "questions": [["When was it built?", 23, 27], ["Who built it?"]]},
        {"passage": digest("What is not there."), "questions": [["Where is it?"]]},
    ]
    asked = write_jsonl(tmp_path / "questions.jsonl", questions)
    assert join_written([passages], tmp_path / "out.json", questions=asked) == Joined(1, 2, 1, 1)
    when, who = read_squad(tmp_path / "out.json")
    assert when.context == who.context == TEXT.replace("\n", " ")
    assert (when.text, when.answers, who.answers) == ("When was it built?", ((23, "1873"),), ())
    assert join_written([passages], tmp_path / "out.json.gz", questions=asked) == Joined(1, 2, 1, 1)
    assert gzip.decompress((tmp_path / "out.json.gz").read_bytes()) == (tmp_path / "out.json").read_bytes()


def test_contexts_of_squad_files_are_passages_too(passages: Path, tmp_path: Path) -> None:
    text = PLANETS["saturn"][1]
    write_squad(tmp_path / "planets.json")
    questions = [
        {"passage": digest(text), "questions": [["Whose rings are of ice?", 0, 6]]},
        {"passage": digest(TEXT), "questions": [["Who built the tower?"]]},
    ]
    asked = write_jsonl(tmp_path / "questions.jsonl", questions)
    joined = join_written([tmp_path / "planets.json", passages], tmp_path / "out.json", questions=asked)
    assert joined == Joined(2, 2, 1, 0)
    assert [(q.title, q.context, q.answers) for q in read_squad(tmp_path / "out.json")] == [
        ("Planets", text, ((0, "Saturn"),)),
        ("The tower", TEXT.replace("\n", " "), ()),
    ]


def test_a_stage_of_training_may_have_some_of_the_passages(passages: Path, tmp_path: Path) -> None:
    known = [digest("What is not there."), digest(TEXT), digest("Nobody asks of this."), digest("Nor is this.")]
    asked = write_jsonl(tmp_path / "questions.jsonl", [{"passage": one, "questions": [["Why?"]]} for one in known])
    assert join_written([passages], tmp_path / "out.json", questions=asked) == Joined(2, 2, 2, 2)
    assert join_written([passages], tmp_path / "out.json", 1, 1, asked) == Joined(1, 1, 1, 0)
    assert join_written([passages], tmp_path / "out.json", skip=2, questions=asked) == Joined(1, 1, 1, 1)
    with pytest.raises(InvalidInput, match="holds none of the 1 passages"):
        join_written([passages], tmp_path / "out.json", skip=3, questions=asked)


def test_passages_without_a_question_are_not_enough(passages: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"holds none of the \d+ passages"):
        join_written([passages], tmp_path / "out.json")
    told = CliRunner().invoke(train, ["written", str(passages), "--out", str(tmp_path / "missing" / "out.json")])
    assert told.exit_code == 2
    assert "there is no folder" in told.output


def test_the_questions_that_ship_are_whole() -> None:
    records = list(read_jsonl(QUESTIONS))
    assert len({record.filled("passage") for record in records}) == len(records) > 1000
    for record in records:
        asked = record.values["questions"]
        assert len({question for question, *_ in asked}) == len(asked) >= 1
        for question, *span in asked:
            assert question.endswith("?")
            assert not span or 0 <= span[0] < span[1] < span[0] + 300
