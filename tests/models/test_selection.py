"""Which ranked passages are brought, on passages that are nothing but a document and a text."""

import pytest

from models.selection import select
from store.records import Document, Passage


def passages(*of: tuple[int, str]) -> list[Passage]:
    """Passages of numbered documents, numbered from 0."""
    return [
        Passage(number, f"{document}:{number}", Document(document, f"d{document}", "", "", {}, ""), 0, 0, 1, None, text)
        for number, (document, text) in enumerate(of)
    ]


def numbers(*of: tuple[int, str], limit: int = 9, per_document: int | None = None) -> list[tuple[int, list[int]]]:
    """Numbers of the selected passages, each with those of its copies."""
    selected = select(passages(*of), limit, per_document)
    return [(one.passage.number, [copy.number for copy in one.copies]) for one in selected]


def test_texts_that_differ_in_white_space_and_case_only_are_one() -> None:
    found = numbers((1, "The Hall\n is old."), (2, "Another hall."), (3, "the hall is old. "), (4, "THE HALL IS OLD."))
    assert found == [(0, [2, 3]), (1, [])]


def test_texts_that_differ_in_a_letter_are_two() -> None:
    assert numbers((1, "The hall is old."), (2, "The hall is cold.")) == [(0, []), (1, [])]


@pytest.mark.parametrize(
    ("per_document", "kept"), [(1, [0, 2]), (2, [0, 1, 2]), (3, [0, 1, 2, 3]), (None, [0, 1, 2, 3])]
)
def test_a_document_has_no_more_passages_than_it_may(per_document: int | None, kept: list[int]) -> None:
    found = numbers((1, "a"), (1, "b"), (2, "c"), (1, "d"), per_document=per_document)
    assert [number for number, _ in found] == kept


def test_a_copy_is_none_of_the_passages_that_a_document_may_have() -> None:
    assert numbers((1, "a"), (2, "a"), (2, "b"), (1, "b"), per_document=1) == [(0, [1]), (2, [3])]


def test_no_more_is_taken_than_is_needed() -> None:
    ranked = iter(passages((1, "a"), (1, "A"), (1, "b"), (1, "B"), (1, "c")))
    assert len(select(ranked, 2)) == 2
    assert next(ranked).text == "B"
    assert select(ranked, 0) == []
    assert next(ranked).text == "c"
    assert select([], 3) == []
