"""Every kind of source that judgements come from, and what is wrong with those that are refused."""

import gzip
import json
from pathlib import Path

import pytest

from models.evaluation.judgements import Judgements, Query, Text, holds_answer, words
from models.evaluation.sources import read_judgements, read_texts
from store.errors import InvalidInput, LectorError, NotFound
from tests.models.judged_files import PLANETS, QUESTIONS, write_beir, write_jsonl, write_squad, write_subjqa


@pytest.mark.parametrize("zipped", [False, True])
def test_a_beir_folder(tmp_path: Path, zipped: bool) -> None:
    judged = read_judgements(write_beir(tmp_path / "planets", zipped))
    assert judged.corpus == tuple(Text(id_, text, title) for id_, (title, text) in PLANETS.items())
    assert judged.relevances == ("document",)
    expected = [Query(id_, text, relevant) for id_, (text, relevant, _) in QUESTIONS.items()]
    assert judged.queries == (*expected, Query("q-none", "Who lives there?"))
    assert judged.judged_by("document") == expected
    assert [query.id for query in read_judgements(tmp_path / "planets", "dev").queries] == ["q-dev"]


def test_a_squad_file(tmp_path: Path) -> None:
    judged = read_judgements(write_squad(tmp_path / "planets.json"))
    assert judged.corpus is not None
    contexts = {text.text: text.id for text in judged.corpus}
    assert set(contexts) == {PLANETS[id_][1] for id_ in ("saturn", "mars", "venus")}
    assert {text.title for text in judged.corpus} == {"Planets"}
    assert judged.relevances == ("document", "answer")
    by_id = {query.id: query for query in judged.queries}
    assert by_id["q-hot"].relevant == {contexts[PLANETS["venus"][1]]: 1}
    assert by_id["q-hot"].answers == ("Venus",)
    assert by_id["q-none"] == Query("q-none", "Who?")
    for relevance in judged.relevances:
        assert {query.id for query in judged.judged_by(relevance)} == set(QUESTIONS)


def test_an_empty_context_is_not_searched(tmp_path: Path) -> None:
    path = write_squad(tmp_path / "planets.json")
    squad = json.loads(path.read_text(encoding="utf-8"))
    empty = {"context": " ", "qas": [{"id": "q-empty", "question": "Where?", "answers": [], "is_impossible": True}]}
    squad["data"][0]["paragraphs"].insert(0, empty)
    path.write_text(json.dumps(squad), encoding="utf-8")
    judged = read_judgements(path)
    assert judged.corpus is not None
    assert all(text.text.strip() for text in judged.corpus)
    assert "q-empty" in {query.id for query in judged.queries}


def test_a_subjqa_table(tmp_path: Path) -> None:
    judged = read_judgements(write_subjqa(tmp_path / "things.csv"))
    assert judged.corpus is not None
    assert [(text.id, text.text, text.meta) for text in judged.corpus] == [
        ("r1", "The battery lasts two days.", {"item_id": "phone"}),
        ("r2", "It came in a blue box,\nwith a manual.", {"item_id": "phone"}),
        ("r3", "The battery is weak and dies.", {"item_id": "torch"}),
    ]
    phone, torch, bright = judged.queries
    assert (phone.relevant, phone.answers) == ({"r1": 1}, ("lasts two days", "two days"))
    assert (torch.relevant, torch.answers) == ({"r3": 1}, ("is weak",))
    assert torch.filters == {"field": "meta.item_id", "operator": "==", "value": "torch"}
    assert (bright.relevant, bright.answers) == ({}, ())


def test_lines_of_questions(tmp_path: Path) -> None:
    rows = [
        {"question": " Which? ", "relevant": ["a", 7]},
        {"id": "graded", "question": "What?", "relevant": {"a": 3, "b": 0}},
        {"question": "Who?", "answers": ["Ada"], "relevant": []},
    ]
    path = write_jsonl(tmp_path / "questions.jsonl.gz", rows)
    judged = read_judgements(path)
    assert judged.queries == (
        Query("1", "Which?", {"a": 1, "7": 1}),
        Query("graded", "What?", {"a": 3}),
        Query("3", "Who?", answers=("Ada",)),
    )
    assert judged.relevances == ("document", "passage", "answer")
    assert judged.corpus is None
    texts = write_jsonl(tmp_path / "texts.jsonl", [{"id": 1, "text": "One."}, {"title": "Two", "text": ""}])
    with_corpus = read_judgements(path, corpus=texts)
    assert with_corpus.relevances == ("document", "answer")
    assert with_corpus.corpus == (Text("1", "One."), Text("2", "Two"))
    only_answers = write_jsonl(tmp_path / "answers.jsonl", [{"question": "Who?", "answers": ["Ada"]}])
    assert read_judgements(only_answers).relevances == ("answer",)


def test_by_what_to_judge_is_chosen_or_usual() -> None:
    judged = Judgements((Query("q", "Who?", {"a": 1}),), ("document", "answer"))
    assert judged.relevance(None) == "document"
    assert judged.relevance("answer") == "answer"
    with pytest.raises(InvalidInput, match="'passage' cannot be told here; choose of: document, answer"):
        judged.relevance("passage")
    with pytest.raises(InvalidInput, match="nothing is relevant by answer to any of the 1 questions"):
        judged.judged_by("answer")


def test_distractors_get_ids_of_their_own_and_texts_come_once() -> None:
    judged = Judgements((), ("document",), (Text("1", "One."), Text("distractor-1", "Two.")))
    more = judged.with_distractors([Text("1", "Three."), Text("2", "Two."), Text("3", "Three."), Text("4", "Four.")])
    assert more.corpus is not None
    assert [(t.id, t.text) for t in more.corpus[2:]] == [("distractor-1-", "Three."), ("distractor-4", "Four.")]
    assert more.distractors == 2
    with pytest.raises(InvalidInput, match="distractors go into a source's own corpus"):
        Judgements((), ("document",)).with_distractors([])


@pytest.mark.parametrize(
    ("text", "answer", "held"),
    [
        ("It was built in 1873.", "1873", True),
        ("It was built in 18735.", "1873", False),
        ("From 1873-1875 on.", "1873", True),
        ("The LIGHTHOUSE  of\nÄlvsborg", "lighthouse of Älvsborg", True),
        ("cafe\u0301", "café", True),
        ("the house of light", "light house", False),
        ("U.S. Navy", "US Navy", False),
        ("anything", "", False),
        ("anything", " ", False),
    ],
)
def test_an_answer_is_held_where_its_words_follow_each_other(text: str, answer: str, held: bool) -> None:
    assert holds_answer(text, [answer]) is held
    assert holds_answer(text, ["nothing of it", answer]) is held


def test_words_are_small_and_marks_stand_alone() -> None:
    assert words("Don't!") == " don ' t ! "
    assert words(" \n") == ""


GOOD = '{"_id": "d", "title": "", "text": "x"}\n'
HEADER = "query-id\tcorpus-id\tscore\n"
BAD_BEIR = [
    ({"corpus.jsonl": None}, "has neither corpus.jsonl nor corpus.jsonl.gz"),
    ({"queries.jsonl": None}, "has neither queries.jsonl nor"),
    ({"qrels/test.tsv": None}, "has no split 'test'; there are: dev"),
    ({"corpus.jsonl": "x\n"}, r"corpus\.jsonl, line 1: not JSON"),
    ({"corpus.jsonl": GOOD + "[]\n"}, r"corpus\.jsonl, line 2: not a JSON object"),
    ({"corpus.jsonl": '\n{"_id": "d"}\n'}, r"corpus\.jsonl, line 2: 'text' is None"),
    ({"corpus.jsonl": '{"_id": [], "text": "x"}\n'}, r"corpus\.jsonl, line 1: the id is \[\]"),
    ({"corpus.jsonl": GOOD + GOOD}, r"corpus\.jsonl, line 2: another line has the id 'd'"),
    (
        {"queries.jsonl": '{"_id": "q", "text": " "}\n', "qrels/test.tsv": HEADER + "q\tmars\t1\n"},
        r"queries\.jsonl, line 1: 'text' is empty",
    ),
    ({"qrels/test.tsv": "a\tb\tc\n"}, r"test\.tsv, line 1: no column 'query-id', 'corpus-id', 'score'"),
    ({"qrels/test.tsv": HEADER + "q-rings\tmars\n"}, r"test\.tsv, line 2: 2 cells where the header has 3"),
    ({"qrels/test.tsv": HEADER + "q-rings\tmars\tmuch\n"}, r"test\.tsv, line 2: the grade is 'much'"),
    ({"qrels/test.tsv": HEADER + "q-rings\t\t1\n"}, r"test\.tsv, line 2: 'corpus-id' is empty"),
    ({"queries.jsonl": '{"_id": "q", "text": "a"}\n' * 2}, r"queries\.jsonl, line 2: another line has the id 'q'"),
    (
        {"qrels/test.tsv": HEADER + "q-rings\tmars\t1\n" * 2 + "q-rings\tmars\t2\n"},
        r"test\.tsv, line 4: 'mars' has another grade for 'q-rings' above",
    ),
    ({"qrels/test.tsv": HEADER + "q-new\tmars\t1\n"}, r"test\.tsv, line 2: question 'q-new' is not in"),
]


@pytest.mark.parametrize(("change", "reason"), BAD_BEIR, ids=lambda value: str(value)[:50])
def test_bad_beir_folders(tmp_path: Path, change: dict[str, str | None], reason: str) -> None:
    folder = write_beir(tmp_path / "planets")
    for name, content in change.items():
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(content, "utf-8")
    with pytest.raises(LectorError, match=reason):
        read_judgements(folder)


BAD_QUESTIONS = [
    ({"relevant": ["a"]}, "'question' is None"),
    ({"question": 5, "relevant": ["a"]}, "'question' is 5"),
    ({"question": "Who?"}, "neither 'relevant'"),
    ({"question": "Who?", "relevant": "a"}, "'relevant' is 'a'"),
    ({"question": "Who?", "relevant": {"a": "high"}}, "the grade is 'high'"),
    ({"question": "Who?", "relevant": {"a": True}}, "the grade is True"),
    ({"question": "Who?", "relevant": {"a": 0.5}}, "the grade is 0.5"),
    ({"question": "Who?", "answers": "Ada"}, "'answers' is 'Ada'"),
    ({"question": "Who?", "relevant": [None]}, "the id is None"),
    ({"question": "Who?", "relevant": [{"id": "a"}]}, "the id is {'id': 'a'}"),
    ({"question": "Who?", "relevant": [""]}, "the id is ''"),
    ({"question": "Who?", "relevant": ["\ud800"]}, "not JSON"),
    ({"question": "Who?", "answers": [5]}, r"'answers' is \[5\]"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_QUESTIONS, ids=lambda value: str(value)[:50])
def test_bad_lines_of_questions(tmp_path: Path, row: object, reason: str) -> None:
    path = write_jsonl(tmp_path / "bad.jsonl", [{"question": "Which?", "relevant": ["a"]}, row])
    with pytest.raises(InvalidInput, match=rf"bad\.jsonl, line 2: {reason}"):
        read_judgements(path)


def test_bad_tables(tmp_path: Path) -> None:
    path = write_subjqa(tmp_path / "things.csv")
    path.write_text(path.read_text("utf-8").replace("review_id", "review id"), "utf-8")
    with pytest.raises(InvalidInput, match=r"things\.csv, line 1: no column 'review_id'"):
        read_judgements(path)
    write_subjqa(path)
    path.write_text(path.read_text("utf-8") + 'phone,things,"Why?\n', "utf-8")
    with pytest.raises(InvalidInput, match=r"things\.csv, line 8: not CSV"):
        read_judgements(path)


def test_what_is_no_source_at_all(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.jsonl"):
        read_judgements(tmp_path / "none.jsonl")
    with pytest.raises(NotFound, match="is no source: give a folder in BEIR's layout"):
        read_judgements(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InvalidInput, match="is no source"):
        read_judgements(tmp_path / "notes.txt")
    texts = write_jsonl(tmp_path / "texts.jsonl", [{"text": "x"}])
    with pytest.raises(InvalidInput, match="brings its own corpus"):
        read_judgements(write_squad(tmp_path / "set.json"), corpus=texts)


def test_files_that_are_cut_off_or_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl.gz"
    whole = gzip.compress(b"".join(json.dumps({"text": f"Text {n} {n * n}"}).encode() + b"\n" for n in range(2000)))
    path.write_bytes(whole[:-100])
    with pytest.raises(InvalidInput, match=r"texts\.jsonl\.gz, after line \d+: cannot be read"):
        read_texts(path)
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes('{"text": "x"}\n{"text": "Älv"}\n'.encode("latin-1"))
    with pytest.raises(InvalidInput, match=r"latin\.jsonl, line 2: not UTF-8"):
        read_texts(latin)
    marked = tmp_path / "marked.jsonl"
    marked.write_bytes('\ufeff{"text": "a\u2028b"}\r\n'.encode())
    assert read_texts(marked) == (Text("1", "a\u2028b"),)
