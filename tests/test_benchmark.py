"""`lector benchmark reader`: what it measures of whom, on a tiny network."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from transformers import BertConfig, BertForQuestionAnswering  # noqa: E402

from app.cli import cli  # noqa: E402
from benchmarks.cases import SHAPES, build_cases  # noqa: E402
from benchmarks.reader import Task, retrieved, score_answers  # noqa: E402
from benchmarks.subjects import load_subject  # noqa: E402
from benchmarks.tables import plot, reader_table  # noqa: E402
from benchmarks.worker import Worker  # noqa: E402
from models.artifact import load_artifact  # noqa: E402
from models.compression.compress import compress  # noqa: E402
from models.evaluation.squad import Question, read_squad  # noqa: E402
from models.reader import Reading  # noqa: E402
from models.windows import PairTemplate, cut, question_ids, tokenize  # noqa: E402
from store.errors import InvalidInput, Unavailable  # noqa: E402
from tests.models.tiny import save_tiny_reader, write_questions  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)

LONG = " ".join(f"The {colour} house is behind the {colour} door." for colour in ("red", "blue", "green") * 40)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT with positions for whole windows, in Hugging Face format."""
    folder = save_tiny_reader(tmp_path_factory.mktemp("peer") / "tiny")
    config = BertConfig.from_pretrained(folder, max_position_embeddings=512)
    BertForQuestionAnswering(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def artifact(peer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compress(str(peer), "reader", tmp_path_factory.mktemp("made") / "tiny").folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Questions on colours, and one long context whose question has an answer."""
    path = write_questions(tmp_path / "colours.json")
    data = json.loads(path.read_text())
    answer = {"text": "red", "answer_start": LONG.index("red")}
    paragraph = {"context": LONG, "qas": [{"id": "long", "question": "What is behind the door?", "answers": [answer]}]}
    data["data"][0]["paragraphs"].append(paragraph)
    path.write_text(json.dumps(data))
    return path


def test_the_report_has_every_figure(artifact: Path, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    small = ["--questions", "4", "--open-questions", "3", "--passages", "2", "--threads", "1", "--repetitions", "1"]
    command = ["benchmark", "reader", "--reader", "base", "--reader", str(artifact), "--data", str(file), *small]
    result = CliRunner().invoke(cli, [*command, "--json", str(out), "--plot", str(tmp_path / "plot.png")])
    assert result.exit_code == 0, result.stderr
    report = json.loads(out.read_text())
    assert reader_table(report) in result.stdout
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert report["own_context"] == {"questions": 4}
    assert (report["open"]["questions"], report["open"]["passages"]) == (3, 2)
    shipped, exiting, tiny = report["subjects"]
    names = ["base (int8 dynamic)", "base (int8 dynamic), early exit", "tiny (int8 dynamic)"]
    assert [subject["name"] for subject in report["subjects"]] == names
    for subject in (shipped, exiting, tiny):
        assert subject["own_context"].keys() == {"n", "em", "f1", "by_margin", "latency_ms"}
        assert subject["open"]["by_margin"].keys() == {"em", "f1"}
        cost = subject["threads"]["1"]
        assert cost["latency_ms"].keys() == {f"{passages}x{tokens}" for passages, tokens in SHAPES}
        assert cost["peak_mb"] >= cost["loaded_mb"] > 1
        assert cost["questions_per_second"] > 0
    assert shipped["own_context"]["em"] == 100
    assert shipped["disk_mb"] == exiting["disk_mb"] > tiny["disk_mb"]


def test_an_early_exit_leaves_passages_unread() -> None:
    texts = ["The tower was built in 1873 by Ada Lovelace, who lived there until her death.", *["Bread rests."] * 9]
    subject = load_subject("lector-early-exit", "base", 1)
    read = []
    stream = subject._reader.stream  # type: ignore[attr-defined]

    def counted(question: str, passages: Sequence[str]) -> Iterator[Reading]:
        for reading in stream(question, passages):
            read.append(reading)
            yield reading

    subject._reader.stream = counted  # type: ignore[attr-defined]
    scores = [1.0, *[0.1] * 9]
    found = subject.answer("When was the tower built?", texts, scores)
    assert found["answer"] == "1873"
    assert len(read) < 10
    assert found == load_subject("lector", "base", 1).answer("When was the tower built?", texts, scores)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reader", "base", "--reader", "base"], "two readers have the same name"),
        (["--reader", "absent"], "no model 'absent'"),
        (["--peer-model", "tests"], "no Hugging Face model"),
        (["--json", "absent/report.json"], "no folder absent"),
    ],
)
def test_mistakes_are_named(file: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["benchmark", "reader", "--data", str(file), *arguments])
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_subject_that_cannot_be_loaded_says_why() -> None:
    with pytest.raises(Unavailable, match="x cannot be measured: NotFound: no model 'absent'"):
        Worker("x", "lector", "absent", 1)


def test_a_subject_that_died_says_so(artifact: Path) -> None:
    worker = Worker("x", "lector", str(artifact), 1)
    worker._process.kill()
    worker._process.wait()
    with pytest.raises(Unavailable, match="x ended while it was measured"):
        worker.answer("Who?", ["Ada."])
    worker.close()


def test_cases_fill_their_windows_and_no_more(artifact: Path, file: Path) -> None:
    tokenizer = load_artifact(str(artifact), "reader").tokenizer
    template = PairTemplate.of(tokenizer)
    shapes = build_cases(tokenizer, read_squad(file))
    assert [(cases[0].passages, cases[0].tokens) for cases in shapes] == list(SHAPES)
    for case in (case for cases in shapes for case in cases):
        assert len(case.texts) == case.passages
        for passage in tokenize(tokenizer, case.texts):
            (window,) = cut(template, question_ids(tokenizer, case.question), passage, case.tokens, 128)
            assert case.tokens - 8 <= len(window) <= case.tokens


def test_short_contexts_cannot_fill_windows(artifact: Path) -> None:
    question = Question("1", "What is red?", "", "The house is red.", ((0, "The house"),))
    with pytest.raises(InvalidInput, match="too short"):
        build_cases(load_artifact(str(artifact), "reader").tokenizer, [question])


def test_retrieval_finds_the_passages_that_hold_the_answers(file: Path) -> None:
    questions = read_squad(file)
    (task,) = retrieved(questions, questions[:1], "encoder", 3)
    assert len(task.texts) == 3
    assert task.scores is not None
    assert sorted(task.scores, reverse=True) == list(task.scores)
    assert task.references == ("red",)


@pytest.mark.parametrize("kind", ["haystack", "torch"])
def test_peers_answer_with_a_piece_of_a_passage(peer: Path, kind: Any) -> None:
    threads = torch.get_num_threads()
    subject = load_subject(kind, str(peer), 1)
    torch.set_num_threads(threads)
    texts = ["The house is red.", LONG]
    (answer,) = subject.answer("What colour is the house?", texts, None).values()
    assert answer
    assert any(answer in text for text in texts)


def test_the_plain_loop_takes_the_best_span_of_all_windows(peer: Path) -> None:
    """Compared with every span of every window, one by one."""
    subject = load_subject("torch", str(peer), torch.get_num_threads())
    tokenizer, network = subject._tokenizer, subject._network  # type: ignore[attr-defined]
    question, texts = (
        "What colour is the door?",
        ["The door is blue.", "A grey boat. The red door is behind the house."],
    )
    best, expected = -np.inf, ""
    for text in texts:
        encoded = tokenizer(question, text, return_offsets_mapping=True, return_tensors="pt")
        offsets = encoded.pop("offset_mapping")[0].tolist()
        with torch.inference_mode():
            output = network(**encoded)
        inside = [i for i, part in enumerate(encoded.sequence_ids(0)) if part == 1]
        for start in inside:
            for end in inside:
                score = float(output.start_logits[0, start] + output.end_logits[0, end])
                if start <= end and score > best:
                    best, expected = score, text[offsets[start][0] : offsets[end][1]]
    assert subject.answer(question, texts, None)["answer"] == expected


def test_answers_are_scored_by_the_best_reference() -> None:
    class Fixed:
        name = "fixed"

        def answer(self, *_: object) -> tuple[dict[str, str], float]:
            return {"answer": "the red house", "by_margin": "blue"}, 1.0

    task = Task("?", ("The red house.",), (1.0,), ("house", "red house"))
    scores = score_answers([Fixed()], [task], lambda steps, _: steps, "")  # type: ignore[list-item]
    latency = {"p50": 1.0, "p95": 1.0}
    right, wrong = {"em": 100.0, "f1": 100.0}, {"em": 0.0, "f1": 0.0}
    assert scores == {"fixed": {"n": 1, **right, "by_margin": wrong, "latency_ms": latency}}


def test_a_plot_is_drawn_for_peers_too(tmp_path: Path) -> None:
    cost = {"latency_ms": {"10x160": {"p50": 50.0, "p95": 60.0}}}
    open_ = {"f1": 70.0, "latency_ms": {"p50": 50.0, "p95": 60.0}}
    subjects = [
        {"name": kind, "kind": kind, "disk_mb": 20.0, "open": open_, "threads": {"1": cost}}
        for kind in ("lector", "torch")
    ]
    plot({"open": {"passages": 10}, "subjects": subjects}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000
