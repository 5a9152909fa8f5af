"""Windows: nothing of a passage is lost, and what the network sees is what the tokenizer's own template says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers import models as tokenizer_models

from models.windows import MAX_QUESTION_TOKENS, PairTemplate, Passage, Window, cut, question_ids, tokenize
from store.errors import InvalidInput
from tests.models.texts import texts


def passage_of(count: int) -> Passage:
    spans = np.array([(2 * i, 2 * i + 1) for i in range(count)], dtype=np.int64).reshape(-1, 2)
    whole = np.ones(count, dtype=np.bool_)
    return Passage(np.arange(1000, 1000 + count, dtype=np.int64), spans, whole, whole)


TEMPLATE = PairTemplate(before=(1,), between=(2, 2), after=(3,), types=(0, 0, 0, 1, 1))
QUESTION = np.array([7, 8, 9], dtype=np.int64)


@given(st.integers(0, 90), st.integers(8, 60), st.integers(1, 200))
def test_windows_cover_every_token_in_steps_of_the_stride(count: int, max_length: int, doc_stride: int) -> None:
    passage = passage_of(count)
    windows = cut(TEMPLATE, QUESTION, passage, max_length, doc_stride)
    room = max_length - 4 - 3
    covered = {i for w in windows for i in range(w.first, w.first + w.count)}
    assert covered == set(range(len(passage)))
    assert [w.first for w in windows] == [i * min(doc_stride, room) for i in range(len(windows))]
    for window in windows:
        part = passage.ids[window.first : window.first + window.count]
        assert len(window) <= max_length
        assert window.ids.tolist() == [1, 7, 8, 9, 2, 2, *part, 3]
        assert window.types.tolist() == [0] * 6 + [1] * (len(part) + 1)
        assert window.ids[window.at : window.at + window.count].tolist() == part.tolist()
    assert len({w.first + w.count for w in windows}) == len(windows), "no window lies inside another"


def test_an_answer_shorter_than_the_overlap_stands_whole_in_a_window() -> None:
    room, stride = 20, 12
    windows = cut(TEMPLATE, QUESTION, passage_of(100), room + 7, stride)
    for start in range(100 - (room - stride)):
        end = start + room - stride
        assert any(w.first <= start and end <= w.first + w.count for w in windows)


def one_window(tokenizer: Tokenizer, question: str, passage: str) -> list[Window]:
    ids = question_ids(tokenizer, question)
    return cut(PairTemplate.of(tokenizer), ids, tokenize(tokenizer, [passage])[0], 5000, 128)


@given(question=texts(8), passage=texts(30))
@hypothesis_settings(max_examples=60)
def test_one_window_is_the_tokenizers_own_pair(tokenizer: Tokenizer, question: str, passage: str) -> None:
    assert_same_as_pair(tokenizer, question, passage)


@given(question=texts(4), passage=texts(10))
@hypothesis_settings(max_examples=60)
def test_one_window_is_robertas_own_pair(roberta: Tokenizer, question: str, passage: str) -> None:
    assert_same_as_pair(roberta, question, passage)


def assert_same_as_pair(tokenizer: Tokenizer, question: str, passage: str) -> None:
    if len(tokenizer.encode(question, add_special_tokens=False).ids) > MAX_QUESTION_TOKENS:
        return
    pair = tokenizer.encode(question, passage)
    windows = one_window(tokenizer, question, passage)
    if not tokenizer.encode(passage, add_special_tokens=False).ids:
        assert windows == []
        return
    (window,) = windows
    assert window.ids.tolist() == pair.ids
    assert window.types.tolist() == pair.type_ids


def test_templates_are_read_off_the_tokenizer(tokenizer: Tokenizer, roberta: Tokenizer) -> None:
    assert PairTemplate.of(tokenizer) == PairTemplate((101,), (102,), (102,), (0, 0, 0, 1, 1))
    assert PairTemplate.of(roberta) == PairTemplate((0,), (1, 1), (1,), (0, 0, 0, 0, 0))
    assert PairTemplate.of(roberta).size == 4


def test_a_tokenizer_without_a_pair_template_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no template for pairs"):
        PairTemplate.of(Tokenizer(tokenizer_models.BPE()))


def test_a_long_question_is_cut_and_leaves_room(tokenizer: Tokenizer) -> None:
    long = "why " * 500 + "when"
    ids = question_ids(tokenizer, long)
    whole, half = tokenizer.encode(long, add_special_tokens=False).ids, MAX_QUESTION_TOKENS // 2
    assert ids.tolist() == whole[:half] + whole[-half:]
    windows = cut(PairTemplate.of(tokenizer), ids, tokenize(tokenizer, ["tower " * 300])[0], 128, 1000)
    assert {len(w) for w in windows[:-1]} == {128}
    assert {i for w in windows for i in range(w.first, w.first + w.count)} == set(range(300))


@pytest.mark.parametrize("passage", ["", " ", "\n\t\u00a0", "\u0301", "\ufeff"])
def test_a_passage_without_tokens_gives_no_window(tokenizer: Tokenizer, passage: str) -> None:
    assert one_window(tokenizer, "Who?", passage) == []


@pytest.mark.parametrize(("max_length", "doc_stride"), [(7, 1), (3, 1), (0, 5), (20, 0), (20, -1)])
def test_lengths_without_room_are_refused(max_length: int, doc_stride: int) -> None:
    with pytest.raises(InvalidInput, match="leaves no room"):
        cut(TEMPLATE, QUESTION, passage_of(5), max_length, doc_stride)
