"""Merging: one answer for each text, at its best place."""

import pytest

from models.answers import merge
from models.spans import Span


def test_the_same_answer_in_two_documents_is_one_with_another_place() -> None:
    texts = ["built in 1873", "It dates from 1873.", "in the 1900s"]
    spans = [[Span(9, 13, 4.0, 0.0)], [Span(14, 18, 6.0, 0.0, 0.5)], [Span(3, 12, 5.0, 0.0)]]
    first, second = merge(texts, [("a", 0), ("b", 100), ("c", 0)], spans)
    assert (first.text, first.best.document, first.best.start, first.best.end) == ("1873", "b", 114, 118)
    assert [(p.document, p.start, p.score) for p in first.also] == [("a", 9, 4.0)]
    assert first.best.coverage == 0.5
    assert first.agreement == 1
    assert (second.text, second.agreement, second.also) == ("the 1900s", 0, [])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Tower!", "tower"),
        ("“Tower of  London”", "the Tower\nof London,"),
        ('the "Mona Lisa"', "Mona Lisa"),
        ("(1873)", "1873."),
        ("Straße", "STRASSE"),
    ],
)
def test_answers_that_differ_in_case_article_and_outer_punctuation_are_the_same(one: str, other: str) -> None:
    spans = [[Span(0, len(one), 1.0, 0.0)], [Span(0, len(other), 2.0, 0.0)]]
    (only,) = merge([one, other], [("a", 0), ("b", 0)], spans)
    assert only.text == other
    assert [(p.document, p.end) for p in only.also] == [("a", len(one))]


@pytest.mark.parametrize(
    ("one", "other"), [("1.5 mg", "15 mg"), ("C++", "C#"), ("-5", "5"), ("$5", "5"), ("a", "an"), ("A+", "A")]
)
def test_answers_whose_punctuation_means_something_differ(one: str, other: str) -> None:
    spans = [[Span(0, len(one), 2.0, 0.0)], [Span(0, len(other), 1.0, 0.0)]]
    assert [c.text for c in merge([one, other], [("a", 0), ("b", 0)], spans)] == [one, other]


def test_overlapping_passages_of_a_document_show_a_place_once() -> None:
    texts = ["one two three", "three four"]  # [0, 13) and [8, 18) of "one two three four"
    (only,) = merge(texts, [("a", 0), ("a", 8)], [[Span(8, 13, 3.0, 0.0)], [Span(0, 5, 4.0, 0.0)]])
    assert (only.best.passage, only.best.start, only.best.end) == (1, 8, 13)
    assert only.also == []
    assert only.agreement == 0


def test_a_worse_cut_of_a_taken_place_is_dropped() -> None:
    texts = ["in May 1873", "May 1873 was"]
    found = merge(texts, [("a", 0), ("a", 3)], [[Span(3, 11, 5.0, 0.0)], [Span(0, 3, 4.0, 0.0), Span(4, 8, 3.0, 0.0)]])
    assert [c.text for c in found] == ["May 1873"]


def test_the_same_offsets_of_different_documents_do_not_overlap() -> None:
    found = merge(["red", "blue"], [("a", 0), ("b", 0)], [[Span(0, 3, 1.0, 0.0)], [Span(0, 4, 2.0, 0.0)]])
    assert [(c.text, c.best.document) for c in found] == [("blue", "b"), ("red", "a")]


def test_agreement_counts_passages_not_places() -> None:
    texts = ["red red", "red red", "x"]
    spans = [[Span(0, 3, 3.0, 0.0), Span(4, 7, 2.0, 0.0)], [Span(0, 3, 1.0, 0.0), Span(4, 7, 0.5, 0.0)], []]
    (only,) = merge(texts, [("a", 0), ("b", 0), ("c", 0)], spans)
    assert len(only.also) == 3
    assert only.agreement == 1


def test_punctuation_alone_is_kept_by_its_own_text() -> None:
    found = merge(["!", "?"], [("a", 0), ("b", 0)], [[Span(0, 1, 1.0, 0.0)], [Span(0, 1, 0.0, 0.0)]])
    assert [c.text for c in found] == ["!", "?"]


def test_ties_go_to_the_better_ranked_passage_and_nothing_gives_nothing() -> None:
    found = merge(["red", "blue"], [("a", 0), ("b", 0)], [[Span(0, 3, 1.0, 0.0)], [Span(0, 4, 1.0, 0.0)]])
    assert [c.text for c in found] == ["red", "blue"]
    assert merge([], [], []) == []
    assert merge(["x"], [("a", 0)], [[]]) == []
