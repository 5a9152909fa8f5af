"""Spans: compared with brute force over all pairs of positions, and translated back into words of the text."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from models.spans import Span, answer_odds, best_spans, close_quotes, drop_overlaps, null_score, with_closer_look
from models.windows import PairTemplate, Passage, Window, cut, question_ids, tokenize, window_of
from tests.models.texts import texts


def brute_force(
    starts: np.ndarray, ends: np.ndarray, window: Window, passage: Passage, longest: int
) -> list[tuple[float, int, int]]:
    """Every allowed span of a window as (margin, start, end), best first."""
    found = []
    for i in range(window.count):
        for j in range(i, min(i + longest, window.count)):
            first, last = window.first + i, window.first + j
            filled = passage.offsets[first, 0] < passage.offsets[last, 1]
            if passage.starts_word[first] and passage.ends_word[last] and filled:
                margin = starts[window.at + i] + ends[window.at + j] - starts[0] - ends[0]
                found.append((float(margin), int(passage.offsets[first, 0]), int(passage.offsets[last, 1])))
    return sorted(found, reverse=True)


def assert_best(tokenizer: Tokenizer, text: str, seed: int, longest: int, top_k: int) -> None:
    (passage,) = tokenize(tokenizer, [text])
    rng = np.random.default_rng(seed)
    windows = cut(PairTemplate.of(tokenizer), question_ids(tokenizer, "Who is it?"), passage, 24, 7)
    for window in windows:
        starts, ends = rng.normal(scale=5, size=(2, len(window) + 3)).astype(np.float32)  # 3 of padding
        spans = best_spans(starts, ends, window, passage, longest, top_k)
        expected = brute_force(starts, ends, window, passage, longest)[:top_k]
        assert [s.score for s in spans] == pytest.approx([e[0] for e in expected], abs=1e-4)
        assert [(s.start, s.end) for s in spans] == [(start, end) for _, start, end in expected]
        part = passage.offsets[window.first : window.first + window.count]
        for span in spans:
            assert 0 <= part[0, 0] <= span.start < span.end <= part[:, 1].max() <= len(text)


SEEDS = st.integers(0, 2**32 - 1)


@given(text=texts(25), seed=SEEDS, longest=st.integers(1, 12), top_k=st.integers(1, 30))
@hypothesis_settings(max_examples=80)
def test_the_best_spans_are_those_of_brute_force(
    tokenizer: Tokenizer, text: str, seed: int, longest: int, top_k: int
) -> None:
    assert_best(tokenizer, text, seed, longest, top_k)


@given(text=texts(10), seed=SEEDS, longest=st.integers(1, 12), top_k=st.integers(1, 30))
@hypothesis_settings(max_examples=40)
def test_the_best_spans_are_those_of_brute_force_in_bytes(
    roberta: Tokenizer, text: str, seed: int, longest: int, top_k: int
) -> None:
    assert_best(roberta, text, seed, longest, top_k)


def words_of(tokenizer: Tokenizer, text: str) -> list[str]:
    """The pieces of text from each word's first token to its last."""
    (passage,) = tokenize(tokenizer, [text])
    numbers = tokenizer.encode(text, add_special_tokens=False).word_ids
    tokens = {word: [i for i, number in enumerate(numbers) if number == word] for word in numbers}
    return [text[passage.offsets[own[0], 0] : passage.offsets[own[-1], 1]] for own in tokens.values()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the lighthouse keeper", ["the", "lighthouse", "keeper"]),
        ("cafe\u0301 au lait", ["cafe\u0301", "au", "lait"]),
        ("caf\u00e9 au lait", ["caf\u00e9", "au", "lait"]),
        ("e\u0301\u0323, z", ["e\u0301\u0323", ",", "z"]),
        ("Stra\u00dfe nach \u0130stanbul", ["Stra\u00dfe", "nach", "\u0130stanbul"]),
        ("日本語 テスト", ["日", "本", "語", "テスト"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("a\u00a0b\tc\r\nd\u3000e", ["a", "b", "c", "d", "e"]),
        ("ok 👍🏽 ☺\ufe0f x", ["ok", "👍🏽", "☺\ufe0f", "x"]),
        ("family 👩\u200d👩\u200d👧 home", ["family", "👩\u200d👩\u200d👧", "home"]),
        ("한국어 \u1112\u1161\u11ab", ["한국어", "\u1112", "\u1161", "\u11ab"]),
        ("3,000.5 m²", ["3", ",", "000", ".", "5", "m²"]),
        ("", []),
    ],
)
def test_words_are_whole_in_code_points(tokenizer: Tokenizer, text: str, words: list[str]) -> None:
    found = words_of(tokenizer, text)
    if text.startswith("한"):  # conjoining letters of one syllable may be one word or several
        found, words = found[:1], words[:1]
    assert found == words


@given(
    count=st.integers(2, 40), stride=st.integers(1, 20), first=st.integers(0, 39), size=st.integers(1, 40), seed=SEEDS
)
def test_logits_are_over_their_null_and_mixed_token_by_token(
    count: int, stride: int, first: int, size: int, seed: int
) -> None:
    whole = np.ones(count, dtype=np.bool_)
    passage = Passage(np.arange(count), np.zeros((count, 2), dtype=np.int64), whole, whole)
    template = PairTemplate(before=(1,), between=(2,), after=(3,), types=(0, 0, 0, 1, 1))
    question = np.array([7], dtype=np.int64)
    closer = window_of(template, question, passage, min(first, count - 1), min(first + size, count))
    rng = np.random.default_rng(seed)
    closer_logits = rng.normal(size=len(closer)).astype(np.float32)
    for window in cut(template, question, passage, 12, stride):
        logits = rng.normal(size=len(window)).astype(np.float32)
        mixed = with_closer_look(logits, window, closer_logits, closer)
        for position, value in enumerate(logits - logits[0]):
            token = position - window.at + window.first
            inside = 0 <= position - window.at < window.count and closer.first <= token < closer.first + closer.count
            other = closer_logits[closer.at + token - closer.first] - closer_logits[0] if inside else value
            assert mixed[position] == pytest.approx((value + other) / 2, abs=1e-6)


@given(text=texts())
@hypothesis_settings(max_examples=60)
def test_words_rise_and_never_leave_their_marks_behind(tokenizer: Tokenizer, text: str) -> None:
    (passage,) = tokenize(tokenizer, [text])
    assert (np.diff(passage.offsets[:, 0]) >= 0).all()
    assert (np.diff(passage.offsets[:, 1]) >= 0).all()
    for end in passage.offsets[passage.ends_word, 1]:
        assert end == len(text) or not unicodedata.category(text[end]).startswith("M")


def test_byte_level_words_hold_no_space_and_whole_characters(roberta: Tokenizer) -> None:
    text = "the keeper’s café 👍🏽 house"
    assert words_of(roberta, text) == ["the", "keeper", "’", "s", "café", "👍🏽", "house"]


def test_an_answer_may_not_begin_or_end_with_just_any_punctuation(tokenizer: Tokenizer) -> None:
    text = '("Red, or $5.")'
    (passage,) = tokenize(tokenizer, [text])
    pieces = [text[start:end] for start, end in passage.offsets]
    assert [p for p, may in zip(pieces, passage.starts_word, strict=True) if may] == ["(", "Red", "or", "$", "5"]
    assert [p for p, may in zip(pieces, passage.ends_word, strict=True) if may] == ["Red", "or", "$", "5", ".", ")"]


def test_the_null_score_is_that_of_the_first_position() -> None:
    starts, ends = np.array([1.5, 9.0], dtype=np.float32), np.array([-0.5, 9.0], dtype=np.float32)
    assert null_score(starts, ends) == 1.0


def test_answer_odds_are_those_of_the_networks_own_probabilities(tokenizer: Tokenizer) -> None:
    (passage,) = tokenize(tokenizer, ["a red or blue house"])
    (window,) = cut(PairTemplate.of(tokenizer), question_ids(tokenizer, "Which?"), passage, 24, 7)
    inside = slice(window.at, window.at + window.count)
    starts, ends = np.full((2, len(window) + 2), -np.inf, dtype=np.float32)  # of [CLS] and the passage alone
    starts[inside] = np.log([0.4, 0.2, 0.1, 0.1, 0.1])
    ends[inside] = np.log([0.05, 0.4, 0.05, 0.2, 0.1])
    starts[0], ends[0] = np.log([0.1, 0.2])
    odds = answer_odds(starts, ends, window)
    assert odds == pytest.approx(np.log(0.9 / 0.1) + np.log(0.8 / 0.2), abs=1e-5)
    best = best_spans(starts, ends, window, passage, 30, 1)[0]
    assert best.answer_odds == odds
    assert best.score == pytest.approx(odds + np.log(0.4 / 0.9) + np.log(0.4 / 0.8), abs=1e-5)
    starts[window.at + window.count :] = 99
    assert answer_odds(starts, ends, window) == odds, "what lies behind the passage says nothing of it"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6), st.integers(-3, 3)), max_size=12))
def test_of_overlapping_spans_the_best_stay(raw: list[tuple[int, int, int]]) -> None:
    spans = [Span(start, start + length, float(score), 0.0) for start, length, score in raw]
    kept = drop_overlaps(spans)
    assert [s.score for s in kept] == sorted((s.score for s in kept), reverse=True)
    for i, one in enumerate(kept):
        assert all(one.end <= other.start or other.end <= one.start for other in kept[i + 1 :])
    for span in spans:
        rivals = [k for k in kept if k.start < span.end and span.start < k.end]
        assert rivals
        assert max(r.score for r in rivals) >= span.score


@pytest.mark.parametrize(
    ("text", "inside", "closed"),
    [
        ('the "raise" statement', 'raise" statement', '"raise" statement'),
        ('called "raise" or so', '"raise', '"raise"'),
        ("the “raise” one", "raise” one", "“raise” one"),
        ("Congress (1789) met", "Congress (1789", "Congress (1789)"),
        ("run (fast) now", "fast) now", "(fast) now"),
        ('the "raise" statement', "raise", "raise"),
        ("12) twelve", "12) twelve", "12) twelve"),
        ('a 5" pipe', '5" pipe', '5" pipe'),
    ],
)
def test_a_mark_whose_counterpart_is_inside_is_taken_in(text: str, inside: str, closed: str) -> None:
    start = text.index(inside)
    span = close_quotes(text, Span(start, start + len(inside), 1.5, 0.5))
    assert text[span.start : span.end] == closed
    assert (span.score, span.answer_odds) == (1.5, 0.5)
