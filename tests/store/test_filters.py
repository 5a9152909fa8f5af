"""Filters mean what Haystack says that they mean; `document_matches_filter` is the independent implementation."""

import sqlite3
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from haystack import Document
from haystack.errors import FilterError
from haystack.utils.filters import document_matches_filter
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from store.attributes import LONGEST, dated, instant
from store.collection import Collection
from store.errors import InvalidInput
from store.filters import compile_filter
from tests.store.made import ENCODER, document

NUMBERS = ["20240101001", "20240101101", "20240101201"]  # of invoices, and one o'clock on a day to Python
SCALARS: list[Any] = [None, True, False, 0, 1, -3, 2.5, 2**53 + 1, "red", "blue", "", "größe", *NUMBERS]
DATES = ["2024-01-01", "2024-01-01T00:00:00", "2024-01-01T00:00:00Z", "2024-06-30T12:30:00Z", "2023-12-31"]
VALUES = [*SCALARS, *DATES, "2024-13-45", ["red"], {"x": 1}]
FIELDS = ["meta.color", "color", "meta.year", "meta.when", "meta.deep.x", "meta.deep.y.z", "meta.ö", "meta.none", "id"]

METAS: list[dict[str, Any]] = [
    {},
    *({"color": value, "year": other} for value, other in product(VALUES, [*range(3), *DATES[:2], "red"])),
    *({"when": value, "deep": {"x": other, "y": {"z": value}}} for value, other in product(VALUES, ["red", 1, None])),
    *({"ö": value, "deep": value} for value in VALUES),
]
DOCUMENTS = [Document(id=f"d{i}", meta=meta) for i, meta in enumerate(METAS)]


def comparisons() -> st.SearchStrategy[dict[str, Any]]:
    equality = st.fixed_dictionaries(
        {
            "field": st.sampled_from(FIELDS),
            "operator": st.sampled_from(["==", "!="]),
            "value": st.sampled_from([*SCALARS, *DATES, "d3"]),
        }
    )
    membership = st.fixed_dictionaries(
        {
            "field": st.sampled_from(FIELDS),
            "operator": st.sampled_from(["in", "not in"]),
            "value": st.lists(st.sampled_from([*SCALARS, *DATES, "d3", "d5"]), max_size=4),
        }
    )
    order = st.fixed_dictionaries(
        {
            "field": st.sampled_from(FIELDS),
            "operator": st.sampled_from([">", ">=", "<", "<="]),
            "value": st.sampled_from([None, True, 0, 1, 2.5, *DATES]),
        }
    )
    return equality | membership | order


def logic(conditions: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"operator": st.sampled_from(["AND", "OR", "NOT"]), "conditions": st.lists(conditions, min_size=1, max_size=3)}
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    collection = Collection(tmp_path_factory.mktemp("filters") / "table", ENCODER)
    collection.write([document(f"d{i}", "", meta=meta) for i, meta in enumerate(METAS)])
    yield collection
    collection.close()


@given(filters=st.recursive(comparisons(), logic, max_leaves=6))
@hypothesis_settings(max_examples=150)
def test_filters_match_what_haystack_matches(table: Collection, filters: dict[str, Any]) -> None:
    matched = {stored.id for stored in table.documents(filters)}
    for one in DOCUMENTS:
        try:
            expected = document_matches_filter(filters, one)
        except (FilterError, TypeError):  # types that cannot be ordered
            continue
        assert (one.id in matched) == expected, (filters, one.meta)


def matches(collection: Collection, field: str, operator: str, value: Any) -> list[str]:
    return [d.id for d in collection.documents({"field": field, "operator": operator, "value": value})]


def test_types_that_cannot_be_ordered_do_not_match(collection: Collection) -> None:
    metas = {"text": "red", "date": "2024-05-01", "number": 5, "list": [9], "nothing": None}
    collection.write([document(name, "", meta={"x": value}) for name, value in metas.items()])
    assert matches(collection, "meta.x", ">", 1) == ["number"]
    assert matches(collection, "meta.x", ">", "2024-01-01") == ["date"]


def test_numbers_that_could_be_read_as_one_date_are_not_equal(collection: Collection) -> None:
    first, second, third = NUMBERS
    collection.write([document(number, "", meta={"invoice": number}) for number in NUMBERS])
    for field in ("id", "meta.invoice"):
        assert matches(collection, field, "==", second) == [second]
        assert matches(collection, field, "in", [second, third]) == [second, third]
        assert matches(collection, field, "!=", second) == [first, third]
        assert matches(collection, field, ">", "2024-01-01") == NUMBERS  # ordered they are as dates
    assert matches(collection, "id", "==", "2024-01-01T01:00") == []
    assert collection.delete_matching({"field": "id", "operator": "==", "value": second}) == 1
    assert [stored.id for stored in collection.documents()] == [first, third]


def test_columns_are_fields_too(collection: Collection) -> None:
    collection.write([document("a", "x", title="Red", source="a.txt"), document("b", "y", title="Blue")])
    assert matches(collection, "title", "==", "Red") == ["a"]
    assert matches(collection, "source", "in", ["a.txt", "c.txt"]) == ["a"]
    assert matches(collection, "id", "!=", "a") == ["b"]
    assert matches(collection, "content_hash", "==", collection.documents()[1].content_hash) == ["b"]


def test_a_list_of_any_length_can_be_asked_for(collection: Collection) -> None:
    collection.write([document(f"d{i}", "") for i in range(5)])
    many = [f"d{i}" for i in range(3, 100_000)]
    assert matches(collection, "id", "in", many) == ["d3", "d4"]
    assert matches(collection, "id", "not in", many) == ["d0", "d1", "d2"]


def test_huge_numbers_can_be_asked_for(collection: Collection) -> None:
    collection.write([document("a", "", meta={"x": 2**70}), document("b", "", meta={"x": 1})])
    assert matches(collection, "meta.x", "==", 2**70) == ["a"]
    assert matches(collection, "meta.x", "in", [2**70]) == ["a"]
    assert matches(collection, "meta.x", "<", 2**70) == ["b"]


def test_long_texts_are_compared_whole(collection: Collection) -> None:
    long = "x" * LONGEST
    collection.write([document(str(i), "", meta={"x": long + "y" * i}) for i in range(3)])
    for i in range(3):
        assert matches(collection, "meta.x", "==", long + "y" * i) == [str(i)]
    assert matches(collection, "meta.x", "not in", [long + "y", long]) == ["2"]


def test_a_filter_that_keeps_few_reads_few(collection: Collection) -> None:
    """What a comparison matches is found by an index, and no table is read from its beginning to its end."""
    few = {"field": "meta.x", "operator": "==", "value": "2024-01-01"}
    rare = {"field": "meta.y", "operator": "<=", "value": 5}
    condition, values = compile_filter({"operator": "AND", "conditions": [few, rare]}, "p.document")
    with sqlite3.connect(collection.folder / "lector.db") as connection:
        query = f"EXPLAIN QUERY PLAN SELECT p.number FROM passages p WHERE {condition}"
        plan = [row[3] for row in connection.execute(query, values)]
    connection.close()
    assert any("passages_by_document (document=?)" in step for step in plan)
    assert not [step for step in plan if step.startswith("SCAN") and "json_each" not in step]


def test_values_are_never_read_as_sql(collection: Collection) -> None:
    collection.write([document("a", "", meta={"x": "1"})])
    for text in ("' OR 1=1 --", '"; DROP TABLE documents; --', "%", "?"):
        assert matches(collection, "meta.x", "==", text) == []
        assert matches(collection, f"meta.{text}".replace('"', ""), "==", "1") == []
    assert collection.state().documents == 1


ONE = {"field": "x", "operator": "==", "value": 1}
BAD_FILTERS: list[Any] = [
    {"field": "x"},
    {"field": "x", "operator": "=="},
    {"field": "x", "operator": "~", "value": 1},
    {"field": "x", "operator": "in", "value": "red"},
    {"field": "x", "operator": "in", "value": [["red"]]},
    {"field": "x", "operator": "==", "value": {"a": 1}},
    {"field": "x", "operator": ">", "value": "red"},
    {"field": "x", "operator": ">", "value": [1]},
    {"field": "x", "operator": "<", "value": float("nan")},
    {"field": "x", "operator": "in", "value": [float("inf")]},
    {"field": "x", "operator": "==", "value": 10**400},
    {"field": "x", "operator": "==", "value": "\ud83d"},
    {"field": "\ud83d", "operator": "==", "value": 1},
    {"field": "", "operator": "==", "value": 1},
    {"field": 5, "operator": "==", "value": 1},
    {"field": 'x"y', "operator": "==", "value": 1},
    {"field": "meta..x", "operator": "==", "value": 1},
    {"field": "x", "operator": [], "value": 1},
    {"field": "x", "operator": {}, "value": 1},
    {"operator": []},
    {"operator": "AND"},
    {"operator": "AND", "conditions": []},
    {"operator": "AND", "conditions": "x"},
    {"operator": "XOR", "conditions": [ONE]},
    {"operator": "AND", "conditions": [5]},
    {"operator": "OR", "conditions": [ONE] * 501},
    {"conditions": [ONE]},
    ["x"],
    "x",
]


@pytest.mark.parametrize("filters", BAD_FILTERS, ids=lambda filters: str(filters)[:40])
def test_a_bad_filter_is_refused(collection: Collection, filters: Any) -> None:
    with pytest.raises(InvalidInput, match="filter"):
        collection.documents(filters)


def test_the_largest_allowed_filters_work(collection: Collection) -> None:
    collection.write([document("a", "", meta={"x": 1})])
    wide = {"operator": "OR", "conditions": [{**ONE, "operator": "!="}, *[ONE] * 498]}
    assert len(collection.documents(wide)) == 1
    deep: dict[str, Any] = ONE
    for _ in range(20):
        deep = {"operator": "NOT", "conditions": [deep]}
    assert len(collection.documents(deep)) == 1
    with pytest.raises(InvalidInput, match="deeper than 20"):
        collection.documents({"operator": "AND", "conditions": [deep]})


def test_instants_are_seconds_in_utc() -> None:
    assert instant("1970-01-02") == 86400.0
    assert instant("1970-01-01T01:00:00+01:00") == instant("1970-01-01T00:00:00Z") == instant("1970-01-01 00:00") == 0.0
    assert instant("0001-01-01T00:00:00+23:59") is not None
    for value in ("", "today", "1970", "1970-13-01", "²²²²-01-01", 5, None, b"1970-01-01"):
        assert instant(value) is None


def test_a_text_is_equal_as_a_date_only_where_it_is_written_as_one() -> None:
    for value in ("1970-01-02", "1970-01-02T00:00", "1970-01-02t00:00:00Z", "1970-01-02 02:00+02:00"):
        assert dated(value) == 86400.0
    for other in ("19700102", "19700102001", "1970-01-02A07", "1970-W01-5", "1970-01-02T", "1970-13-01", 5, None):
        assert dated(other) is None
