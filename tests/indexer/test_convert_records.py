"""CSV and JSON Lines: one document a row or line."""

import json
from pathlib import Path

import pytest

from indexer.convert import Converted, convert
from store.errors import InvalidInput
from tests.indexer.converting import converted, refused, text_of


def test_csv(tmp_path: Path) -> None:
    source = (
        'id,Title,text,year,price,code,note\nx,T,"One, ""two""\nthree",2020,1.5,007,\ny,,Four,2021,2,1,n\nz,,,1,1,1,m\n'
    )
    assert converted(tmp_path / "a.csv", source) == [
        Converted('One, "two"\nthree', "T", {"id": "x", "year": 2020, "price": 1.5, "code": "007"}, key="x"),
        Converted("Four", "a", {"id": "y", "year": 2021, "price": 2.0, "code": "1", "note": "n"}, key="y"),
    ]


def test_csv_with_semicolons_and_without_ids(tmp_path: Path) -> None:
    [one, two] = converted(tmp_path / "a.csv", "content;kind\nOne, two;a\nThree;b\n")
    assert (one.text, one.meta, one.key, two.key) == ("One, two", {"kind": "a"}, "2", "3")


def test_csv_with_a_column_of_any_name(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "a.csv", "text,meta,Text2\nhello,foo,1\n")
    assert (document.text, document.meta) == ("hello", {"meta": "foo", "Text2": 1})
    assert "more than one column is named text" in refused(tmp_path / "b.csv", "text,Text\nhello,world\n")


def test_csv_takes_long_texts(tmp_path: Path) -> None:
    assert len(text_of(tmp_path / "a.csv", "text\n" + "word " * 100_000)) == 500_000


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("name,body\na,b\n", "no column 'text' or 'content' among name, body"),
        ("text,a\nx,1,2\n", "line 2 has 3 cells but the header 2"),
        ("text,id\nx,1\ny,1\n", "line 3 has the id '1' of line 2"),
        ('text\n"open', "line 2 is not CSV"),
    ],
)
def test_bad_csv_is_refused(tmp_path: Path, source: str, reason: str) -> None:
    assert reason in refused(tmp_path / "a.csv", source)


def test_jsonl(tmp_path: Path) -> None:
    lines = [
        {"id": 7, "text": "One", "title": "T", "meta": {"a": 1, "b": [1]}, "c": True, "d": None, "e": {"f": 1}},
        {"content": "Two", "g": 1.5, "a": "x"},
        {"text": "", "id": "empty"},
    ]
    assert converted(tmp_path / "a.ndjson", "\n\n".join(map(json.dumps, lines))) == [
        Converted("One", "T", {"id": 7, "a": 1, "b": [1], "c": True, "e": {"f": 1}}, key="7"),
        Converted("Two", "a", {"g": 1.5, "a": "x"}, key="3"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{bad}", "line 2 is not JSON"),
        ("[1]", "line 2 is not a JSON object"),
        ('{"title": "x"}', "line 2: no 'text' or 'content'"),
        ('{"text": 5}', "line 2: 'text' is 5, not a string"),
        ('{"text": "x", "meta": 5}', "line 2: 'meta' is 5, not an object"),
        ('{"text": "x", "id": 1.5}', "line 2: 'id' is 1.5, not a string or an integer"),
        ('{"text": "x", "y": NaN}', "NaN is not a number"),
        ('{"text": "x", "id": "1"}\n{"text": "y", "id": 1}', "line 3 has the id '1' of line 2"),
        ("[" * 100_000, "line 2 is not JSON"),
        ("\xff", "line 2 is not JSON"),
    ],
)
def test_bad_jsonl_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    assert reason in refused(tmp_path / "a.jsonl", b'{"text": "fine"}\n' + line.encode("latin-1"))


def test_an_empty_id_is_none(tmp_path: Path) -> None:
    [one, two] = converted(tmp_path / "a.jsonl", '{"id": "", "text": "One."}\n{"id": "0", "text": "Two."}\n')
    assert (one.key, two.key) == ("1", "0")


def test_a_line_number_gives_way_to_an_id_before_or_after_it(tmp_path: Path) -> None:
    rows = "".join(f"{id_},row {id_}\n" for id_ in ["1", "2", "3", "", "5", "6", ""])
    documents = converted(tmp_path / "a.csv", f"id,text\n{rows}")
    assert [document.key for document in documents] == ["1", "2", "3", "line 5", "5", "6", "8"]
    lines: list[dict[str, object]] = [{"id": "line 3"}, {}, {}, {"id": 3}, {"id": 2}]
    documents = converted(tmp_path / "a.jsonl", "\n".join(json.dumps({"text": "Text.", **line}) for line in lines))
    assert [document.key for document in documents] == ["line 3", "line 2", "line line 3", "3", "2"]
    assert documents == list(convert(tmp_path / "a.jsonl"))


def test_lines_before_one_that_cannot_be_read_are_documents(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"text": "One."}\n{"id": 1, "text": "Two."}\nbroken\n{"id": 4}', encoding="utf-8"
    )
    documents = convert(tmp_path / "a.jsonl")
    assert [next(documents).key, next(documents).key] == ["line 1", "1"]
    with pytest.raises(InvalidInput, match="line 3 is not JSON"):
        next(documents)
