"""`lector evaluate retriever` over every kind of source: its report, its files, its exit codes."""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():  # haystack imports torch and transformers where they are installed
    warnings.simplefilter("ignore")
    import tests.models.retrievers  # noqa: F401

from models.encoder import Encoder
from models.evaluation import corpus
from models.evaluation.judgements import Text
from tests.models.evaluating import run
from tests.models.judged_files import PLANETS, QUESTIONS, write_beir, write_jsonl, write_squad, write_subjqa
from tests.models.made import TEXTS, collection_of, embedded

pytest.importorskip("ir_measures")

FIXED, RINGS, BROKEN = (f"tests.models.retrievers:{name}" for name in ("Fixed", "Rings", "Broken"))


def test_a_beir_folder_by_our_three_retrievers(tmp_path: Path, report: Callable[..., dict[str, Any]]) -> None:
    folder = write_beir(tmp_path / "planets")
    rows = tmp_path / "questions.jsonl"
    found = report(folder, "--at", "1,3", "--plot", tmp_path / "recall.png", "--per-question", rows)
    assert found["source"] == str(folder)
    assert found["relevance"] == "document"
    assert (found["questions"], found["left_out"]) == (3, 1)
    assert found["corpus"].items() >= {"documents": 5, "passages": 5, "judged": 4, "judged_missing": 0}.items()
    assert list(found["retrievers"]) == ["sparse", "dense", "hybrid"]
    for scores in found["retrievers"].values():
        assert scores["recall@3"] == 1
        low, high = scores["intervals"]["ndcg@3"]
        assert low <= scores["ndcg@3"] <= high
        assert scores["latency_ms"]["p50"] <= scores["latency_ms"]["p95"]
        assert scores["questions_per_second"] > 0
    assert list(found["significance"]) == ["dense vs sparse", "hybrid vs sparse", "hybrid vs dense"]
    assert (tmp_path / "recall.png").read_bytes().startswith(b"\x89PNG")
    questions = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    assert [question["id"] for question in questions] == list(QUESTIONS)
    assert questions[1]["relevant"] == {"mars": 2, "jupiter": 1}
    assert questions[0]["retrievers"]["sparse"]["ranking"][0] == "saturn"
    assert questions[0]["retrievers"]["sparse"]["first_relevant"] == 1


def test_the_reader_may_rank_again(tmp_path: Path, report: Callable[..., dict[str, Any]]) -> None:
    path, rows = write_squad(tmp_path / "planets.json"), tmp_path / "rows.jsonl"
    found = report(path, "--retrievers", "hybrid,reranked", "--passages", 3, "--per-question", rows)
    assert found["retrievers"]["reranked"]["recall@1"] == 1
    assert found["retrievers"]["reranked"]["latency_ms"]["p50"] > found["retrievers"]["hybrid"]["latency_ms"]["p50"]
    for row in map(json.loads, rows.read_text("utf-8").splitlines()):
        hybrid, again = (row["retrievers"][name]["ranking"] for name in ("hybrid", "reranked"))
        assert sorted(again) == sorted(hybrid)
        assert again[3:] == hybrid[3:], "what it did not look at stays"


def test_a_squad_file_by_document_and_by_answer(tmp_path: Path, report: Callable[..., dict[str, Any]]) -> None:
    path = write_squad(tmp_path / "planets.json")
    found = report(path, "--retrievers", "sparse", "--at", "1")
    assert (found["relevance"], found["questions"], found["left_out"]) == ("document", 3, 1)
    assert found["retrievers"]["sparse"]["hit@1"] == found["retrievers"]["sparse"]["recall@1"] == 1
    by_answer = report(
        path, "--retrievers", "sparse", "--at", "1", "--relevance", "answer", "--plot", tmp_path / "a.svg"
    )
    assert by_answer["relevance"] == "answer"
    assert by_answer["retrievers"]["sparse"]["hit@1"] == 1
    assert "recall@1" not in by_answer["retrievers"]["sparse"]


def test_distractors_are_searched_too(tmp_path: Path, report: Callable[..., dict[str, Any]]) -> None:
    path = write_squad(tmp_path / "planets.json")
    more = [{"title": "Venus", "text": "Which planet is the hottest? Which is the hottest planet?"}]
    more.append({"title": "", "text": PLANETS["mars"][1]})
    distractors = write_jsonl(tmp_path / "more.jsonl.gz", more)
    found = report(path, "--retrievers", "sparse", "--at", "1,2", "--distractors", distractors)
    assert found["corpus"].items() >= {"documents": 4, "distractors": 1}.items()
    assert found["retrievers"]["sparse"]["hit@1"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["retrievers"]["sparse"]["hit@2"] == 1


def test_a_question_of_subjqa_is_asked_of_its_own_product(
    tmp_path: Path, report: Callable[..., dict[str, Any]]
) -> None:
    path, rows = write_subjqa(tmp_path / "things.csv"), tmp_path / "rows.jsonl"
    for relevance in ("document", "answer"):
        found = report(path, "--at", "1", "--relevance", relevance, "--per-question", rows)
        assert (found["questions"], found["left_out"]) == (2, 1)
        assert {scores["hit@1"] for scores in found["retrievers"].values()} == {1}
    phone, torch = (json.loads(line) for line in rows.read_text("utf-8").splitlines())
    assert phone["retrievers"]["dense"]["ranking"] == ["r1:0", "r2:0"]
    assert torch["retrievers"]["hybrid"]["ranking"] == ["r3:0"]
    assert torch["answers"] == ["is weak"]


def test_questions_about_a_collection(tmp_path: Path, encoder: Encoder, report: Callable[..., dict[str, Any]]) -> None:
    collection_of(tmp_path / "data" / "things", encoder, embedded(encoder, TEXTS)).close()
    there = ("--collection", "things", "--data", tmp_path / "data", "--retrievers", "sparse", "--at", "1,2")
    built = {"question": "When was the lighthouse built?", "relevant": ["tower", "nowhere"], "answers": ["1873"]}
    path = write_jsonl(tmp_path / "questions.jsonl", [built])
    found = report(path, *there)
    assert found["corpus"] == {"collection": "things", "documents": 3, "passages": 7, "judged": 2, "judged_missing": 1}
    assert found["retrievers"]["sparse"]["recall@2"] == 0.5
    by_answer = report(path, *there, "--relevance", "answer")
    assert by_answer["retrievers"]["sparse"]["precision@2"] == 1
    passages = write_jsonl(tmp_path / "passages.jsonl", [{"question": "Who is Marta?", "relevant": ["bakery:1"]}])
    rows = tmp_path / "rows.jsonl"
    by_passage = report(passages, *there, "--relevance", "passage", "--per-question", rows)
    assert by_passage["retrievers"]["sparse"]["hit@2"] == 1
    assert "bakery:1" in json.loads(rows.read_text("utf-8"))["retrievers"]["sparse"]["ranking"]


def test_of_a_documents_passages_only_the_best_counts(
    tmp_path: Path, encoder: Encoder, report: Callable[..., dict[str, Any]]
) -> None:
    collection_of(tmp_path / "data" / "things", encoder, embedded(encoder, TEXTS)).close()
    path = write_jsonl(tmp_path / "questions.jsonl", [{"question": "the lighthouse lamp", "relevant": ["museum"]}])
    rows = tmp_path / "rows.jsonl"
    there = ("--collection", "things", "--data", tmp_path / "data", "--per-question", rows)
    report(path, *there, "--retrievers", "dense")
    ranked = json.loads(rows.read_text("utf-8"))["retrievers"]["dense"]
    assert sorted(ranked["ranking"]) == ["bakery", "museum", "tower"]
    assert ranked["mrr"] == pytest.approx(1 / ranked["first_relevant"], abs=1e-4)


def test_a_document_of_many_passages_keeps_no_other_out(
    tmp_path: Path, encoder: Encoder, report: Callable[..., dict[str, Any]]
) -> None:
    texts = {"long": "\n".join(f"The lighthouse was lit on night {n}." for n in range(150)), "short": "A lighthouse."}
    documents = embedded(encoder, texts, size=36, step=36)
    collection_of(tmp_path / "data" / "things", encoder, documents).close()
    path = write_jsonl(tmp_path / "questions.jsonl", [{"question": "lighthouse lit at night", "relevant": ["short"]}])
    found = report(path, "--collection", "things", "--data", tmp_path / "data", "--retrievers", "sparse,dense")
    assert found["corpus"]["passages"] > 100
    assert {scores["recall@3"] for scores in found["retrievers"].values()} == {1}


def test_ids_of_passages_are_looked_up(tmp_path: Path, encoder: Encoder, report: Callable[..., dict[str, Any]]) -> None:
    collection_of(tmp_path / "data" / "things", encoder, embedded(encoder, TEXTS)).close()
    there = ("--collection", "things", "--data", tmp_path / "data", "--retrievers", "sparse")
    asked = [{"question": "Who is Marta?", "relevant": ["bakery:1", "bakery:99"]}]
    found = report(write_jsonl(tmp_path / "passages.jsonl", asked), *there, "--relevance", "passage")
    assert found["corpus"].items() >= {"judged": 2, "judged_missing": 1}.items()


def test_a_question_that_is_a_document_does_not_find_itself(
    tmp_path: Path, report: Callable[..., dict[str, Any]]
) -> None:
    folder = write_beir(tmp_path / "planets")
    asked = [{"_id": id_, "text": text} for id_, (_, text) in PLANETS.items()]
    write_jsonl(folder / "queries.jsonl", asked)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nmars\tjupiter\t1\n", "utf-8")
    rows = tmp_path / "rows.jsonl"
    report(folder, "--per-question", rows)
    (row,) = map(json.loads, rows.read_text("utf-8").splitlines())
    assert all("mars" not in one["ranking"] and one["ranking"] for one in row["retrievers"].values())
    assert row["retrievers"]["sparse"]["mrr"] == 1


def test_questions_with_a_corpus_of_their_own(tmp_path: Path, report: Callable[..., dict[str, Any]]) -> None:
    texts = write_jsonl(tmp_path / "texts.jsonl", [{"id": id_, "text": text} for id_, (_, text) in PLANETS.items()])
    path = write_jsonl(tmp_path / "questions.jsonl", [{"question": "hottest planet", "relevant": ["venus"]}])
    assert report(path, "--corpus", texts, "--retrievers", "sparse")["retrievers"]["sparse"]["mrr"] == 1


def test_a_kept_index_is_used_again_for_the_same_corpus_only(
    tmp_path: Path, report: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded: list[int] = []
    encode = Encoder.encode

    def counted(self: Encoder, texts: list[str], titles: list[str]) -> Any:
        embedded.append(len(texts))
        return encode(self, texts, titles)

    folder, index = write_beir(tmp_path / "planets"), tmp_path / "index"
    arguments = (folder, "--retrievers", "sparse", "--index", index)
    monkeypatch.setattr(Encoder, "encode", counted)
    first = report(*arguments)
    again = report(*arguments)
    assert embedded == [5]
    assert again["corpus"] == first["corpus"]
    write_jsonl(folder / "corpus.jsonl", [{"_id": id_, "text": text} for id_, (_, text) in PLANETS.items()])
    assert report(*arguments)["corpus"]["collection"] != first["corpus"]["collection"]
    assert embedded == [5, 5]


def test_an_index_that_was_interrupted_is_gone_on_with(
    tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "DOCUMENTS_AT_ONCE", 2)
    texts = [Text(id_, text, title) for id_, (title, text) in PLANETS.items()]

    def broken(steps: Any, what: str) -> Any:
        assert what == "indexing 5 documents"
        yield from steps[:1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), corpus.indexed("planets", texts, encoder, tmp_path, broken):
        pass

    def rest(steps: Any, what: str) -> Any:
        assert what == "indexing 3 documents"
        return steps

    with corpus.indexed("planets", texts, encoder, tmp_path, rest) as collection:
        assert {document.id for document in collection.documents()} == set(PLANETS)


def test_a_limit_spreads_over_the_questions(tmp_path: Path, report: Callable[..., dict[str, Any]]) -> None:
    found = report(write_beir(tmp_path / "planets"), "--retrievers", "sparse", "--limit", 2)
    assert found["questions"] == 2
    assert found["left_out"] == 1


@pytest.mark.parametrize(
    ("bound", "code"),
    [
        ("hit@2=0.3", 0),
        ("hit@2=0.4", 1),
        ("hit@2=0.33333", 0),
        ("hit@2=0.33334", 1),  # though 1/3 is 0.3333 in the report
        (f"{RINGS}:hit@5=1", 0),
        (f"{RINGS}:recall@3=0.6", 1),
    ],
)
def test_a_bound_that_is_not_met_exits_with_1(tmp_path: Path, bound: str, code: int) -> None:
    folder = write_beir(tmp_path / "planets")
    result = run(folder, "--retrievers", RINGS, "--at", "2,3,5", "--fail-under", bound)
    assert result.exit_code == code
    metric = bound.removeprefix(f"{RINGS}:").partition("=")[0]
    assert (f"{RINGS}: {metric} is 0." in result.stderr) is bool(code)


BAD = [
    (["--retrievers", "spares"], "unknown retriever 'spares'; choose of hybrid, sparse, dense, reranked, or name a"),
    (["--passages", "5"], "--reader and --passages are for the retriever reranked; name it"),
    (["--retrievers", "nowhere:Retriever"], "there is no retriever 'nowhere:Retriever'"),
    (["--retrievers", "tests.models.retrievers:None_"], "there is no retriever"),
    (["--retrievers", FIXED], "cannot be made with the parameters {}"),
    (["--retrievers", BROKEN], "Broken failed on question 'q-rings'"),
    (["--retrievers", ","], "names nothing"),
    (["--at", "0"], "'0' is no list of whole numbers from 1 to 1,000,000"),
    (["--at", "1;2"], "'1;2' is no list of whole numbers"),
    (["--relevance", "answer"], "relevance by 'answer' cannot be told here; choose of: document"),
    (["--split", "train"], "has no split 'train'; there are: dev, test"),
    (["--collection", "default"], "brings its own corpus; leave --collection out"),
    (["--collection", "default", "--index", "i"], "brings its own corpus; leave --collection out"),
    (["--retrievers", RINGS, "--index", "i"], "none of these retrievers asks a collection of ours"),
    (["--fail-under", "recall"], "is not of the form recall@10=0.9"),
    (["--fail-under", "recall@10=90"], "with a number from 0 to 1"),
    (["--fail-under", "recall@7=0.9"], "is of no metric that is measured here: ndcg@1"),
    (["--fail-under", "bm25:recall@1=0.9"], "is of no retriever that is evaluated: sparse"),
    (["--json", "nowhere/report.json"], "there is no folder nowhere to write report.json to"),
    (["--json", "."], "is a folder; name a file"),
    (["--json", "/proc/report.json"], "/proc/report.json cannot be written ("),
    (["--plot", "recall.docx"], "recall.docx is no plot's name; let it end in .png, .svg or .pdf"),
    (["--distractors", "none.jsonl"], "no file none.jsonl"),
    (["--retriever-config", "none.yaml"], "no file none.yaml"),
]


@pytest.mark.parametrize(("arguments", "reason"), BAD, ids=lambda value: str(value)[:50])
def test_bad_options_exit_with_2_and_say_why(tmp_path: Path, arguments: list[str], reason: str) -> None:
    folder = write_beir(tmp_path / "planets")
    result = run(folder, *([] if "--retrievers" in arguments else ["--retrievers", "sparse"]), *arguments)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_judgements_of_another_collection_are_refused(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "planets")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq-hot\tpluto\t1\n", "utf-8")
    result = run(folder, "--retrievers", "sparse")
    assert result.exit_code == 2
    assert "none of the 1 relevant ids, such as 'pluto', is a document of the corpus" in result.stderr


def test_options_that_would_do_nothing_are_refused(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "questions.jsonl", [{"question": "Who?", "relevant": ["a"]}])
    result = run(path, "--collection", "things", "--index", tmp_path / "i")
    assert result.exit_code == 2
    assert "--index keeps the corpus of a source; with --collection there is none" in result.stderr
    result = run(path, "--collection", "things", "--split", "dev")
    assert result.exit_code == 2
    assert "has no splits; --split goes with a folder in BEIR's layout" in result.stderr


def test_questions_need_something_to_be_about(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "questions.jsonl", [{"question": "Who?", "relevant": ["a"]}])
    result = run(path)
    assert result.exit_code == 2
    assert "brings no corpus; name what its questions are about" in result.stderr


def test_it_runs_as_a_module_too(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "planets")
    command = [sys.executable, "-m", "models.evaluation.retriever", str(folder), "--retrievers", "sparse", "--at", "1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "3 questions; 1 that nothing is relevant to are left out" in result.stdout
    assert "Relevance by document: a document is relevant where the source names its id" in result.stdout
    assert "ndcg@1" in result.stdout
