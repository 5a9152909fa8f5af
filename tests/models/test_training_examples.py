"""Labelled windows and batches."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from models.training.config import ReaderTraining, TrainingSet
from models.training.examples import Example, batches, build_examples, collate, hide_tokens, label
from models.windows import PairTemplate, Window, cut, question_ids, tokenize
from tests.models.texts import texts
from tests.models.tiny import THINGS, write_questions


def example(length: int, token: int = 7) -> Example:
    window = Window(np.full(length, token), np.ones(length, dtype=np.int64), 2, 0, max(0, length - 3))
    return Example(window, 0, 0)


@given(text=texts(40), data=st.data())
@hypothesis_settings(max_examples=50)
def test_a_label_stands_at_the_answer_wherever_a_window_holds_it_whole(
    tokenizer: Tokenizer, text: str, data: st.DataObject
) -> None:
    (passage,) = tokenize(tokenizer, [text])
    if not len(passage):
        return
    first = data.draw(st.integers(0, len(passage) - 1))
    last = data.draw(st.integers(first, min(first + 5, len(passage) - 1)))
    start, end = int(passage.offsets[first, 0]), int(passage.offsets[last, 1])
    windows = cut(PairTemplate.of(tokenizer), question_ids(tokenizer, "who"), passage, 20, 5)
    for window in windows:
        found = label(window, passage, [(start, text[start:end])])
        if found.start == 0:
            assert found.end == 0
            whole = window.first <= first and last < window.first + window.count
            # Letters of several tokens, cut by the window
            shared_first = first > 0 and passage.offsets[first - 1, 1] > start
            shared_last = last + 1 < len(passage) and passage.offsets[last + 1, 0] < end
            assert not whole or shared_first or shared_last
            continue
        at = found.start - window.at + window.first, found.end - window.at + window.first
        assert passage.offsets[at[0], 0] <= start
        assert passage.offsets[at[1], 1] >= end
        assert window.at <= found.start <= found.end < window.at + window.count


def test_the_first_answer_inside_the_window_counts_and_none_is_the_null_token(tokenizer: Tokenizer) -> None:
    text = "red house and blue door"
    (passage,) = tokenize(tokenizer, [text])
    (window,) = cut(PairTemplate.of(tokenizer), question_ids(tokenizer, "what"), passage, 50, 9)
    blue, red = (text.index("blue"), "blue"), (0, "red")
    assert label(window, passage, [blue, red]).start == window.at + 3
    assert label(window, passage, [(0, "red house")]).end == window.at + 1
    assert label(window, passage, [(1, "e")]).start == window.at, "an answer inside a word is labelled by the word"
    assert (label(window, passage, []).start, label(window, passage, []).end) == (0, 0)


@given(st.lists(st.integers(4, 60), max_size=80), st.integers(60, 300), st.integers(0, 5))
def test_batches_hold_every_example_once_within_the_bound(lengths: list[int], bound: int, seed: int) -> None:
    examples = [example(length, number) for number, length in enumerate(lengths)]
    grouped = batches(examples, bound, seed)
    assert sorted(int(e.window.ids[0]) for batch in grouped for e in batch) == list(range(len(lengths)))
    assert all(batch and len(batch) * max(map(len, batch)) <= bound for batch in grouped)
    again = batches(examples, bound, seed)
    assert [[int(e.window.ids[0]) for e in b] for b in again] == [[int(e.window.ids[0]) for e in b] for b in grouped]


def test_batches_waste_little_on_padding() -> None:
    rng = np.random.default_rng(0)
    examples = [example(int(length)) for length in rng.integers(20, 380, size=2000)]
    grouped = batches(examples, 6000, 1)
    padded = sum(len(batch) * max(map(len, batch)) for batch in grouped)
    assert padded < 1.05 * sum(map(len, examples))


def test_collating_pads_and_marks_where_an_answer_may_lie() -> None:
    batch = collate([example(6), example(4)], pad_id=99)
    assert batch.ids.tolist() == [[7] * 6, [7] * 4 + [99, 99]]
    assert batch.mask.tolist() == [[1] * 6, [1] * 4 + [0, 0]]
    assert batch.types.tolist() == [[1] * 6, [1] * 4 + [0, 0]]
    assert batch.allowed.tolist() == [[True, False, True, True, True, False], [True, False, True, False, False, False]]
    assert (batch.starts.tolist(), batch.ends.tolist()) == ([0, 0], [0, 0])


def test_hidden_tokens_are_drawn_anew_and_spare_what_is_kept() -> None:
    batch = collate([example(300), example(100)], pad_id=0)
    batch.ids[0, 0] = 1
    hidden = [hide_tokens(batch, 0.2, 99, [0, 1], np.random.default_rng(seed)).ids for seed in (5, 5, 6)]
    assert (hidden[0] == 99).sum() / 399 == pytest.approx(0.2, abs=0.06)
    assert hidden[0][0, 0] == 1
    assert (hidden[0][1, 100:] == 0).all(), "padding"
    np.testing.assert_array_equal(hidden[0], hidden[1])
    assert not np.array_equal(hidden[0], hidden[2])
    assert (batch.ids != 99).all(), "the batch itself stays"


def training(path: Path, passes: float, negatives: float = 0.0, seed: int = 1) -> ReaderTraining:
    chosen = TrainingSet(file=Path(path.name), licence="CC0", passes=passes, negatives=negatives)
    return ReaderTraining(base="x", train=(chosen,), max_length=48, seed=seed)


def test_passes_and_negatives_decide_how_many_examples_there_are(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = write_questions(tmp_path / "train.json")
    for passes, count in ((1.0, 30), (2.5, 75), (0.5, 15)):
        examples = build_examples(training(path, passes), tmp_path, tokenizer)
        assert len(examples) == count
        assert all(e.start > 0 for e in examples)
    with_negatives = build_examples(training(path, 1.0, negatives=1.0), tmp_path, tokenizer)
    assert 30 < len(with_negatives) <= 60
    assert sum(e.start == 0 for e in with_negatives) == len(with_negatives) - 30


def test_a_share_of_the_questions_is_asked_once_more_with_a_mention_exchanged(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "train.json"
    context = "The door of 1901 was blue. The house of 1930 was red. The car was green."
    asked = {"what was blue in 1901": "door", "what was red in 1930": "house", "what was green": "car"}
    qas = [
        {"id": answer, "question": question, "answers": [{"text": answer, "answer_start": context.index(answer)}]}
        for question, answer in asked.items()
    ]
    path.write_text(json.dumps({"data": [{"title": "", "paragraphs": [{"context": context, "qas": qas}]}]}))
    config = training(path, 1.0)

    def questions(share: float) -> list[tuple[str, bool]]:
        (chosen,) = (chosen.model_copy(update={"swaps": share}) for chosen in config.train)
        examples = build_examples(config.model_copy(update={"train": (chosen,)}), tmp_path, tokenizer)
        texts = [tokenizer.decode(example.window.ids[: example.window.at].tolist()) for example in examples]
        return sorted((text, example.start > 0) for text, example in zip(texts, examples, strict=True))

    plain = questions(0.0)
    assert [answered for _, answered in plain] == [True] * 3
    exchanged = [("what was blue in 1930", False), ("what was red in 1901", False)]
    assert questions(1.0) == sorted(plain + exchanged), "the third has nothing to exchange"
    assert len(questions(0.34)) == 4
    assert set(questions(0.34)) < {*plain, *exchanged}


def test_a_context_that_one_set_holds_back_is_in_none(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = write_questions(tmp_path / "train.json")
    (tmp_path / "same.json").write_bytes(path.read_bytes())
    config = training(path, 1.0)
    (whole,) = config.train
    part = whole.model_copy(update={"file": Path("same.json"), "hold_back": 0.5})
    alone = build_examples(config.model_copy(update={"train": (part,)}), tmp_path, tokenizer)
    assert 0 < len(alone) < 30
    both = build_examples(config.model_copy(update={"train": (whole, part)}), tmp_path, tokenizer)
    assert len(both) == 2 * len(alone)


def test_what_is_tuned_on_is_trained_on_in_no_form(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path, tuning = write_questions(tmp_path / "train.json"), write_questions(tmp_path / "tune.json", THINGS[::-1])
    config = training(path, 1.0).model_copy(update={"tune": (Path("tune.json"),)})
    assert len(build_examples(config, tmp_path, tokenizer)) == 30
    contexts = [paragraph["context"] for paragraph in json.loads(tuning.read_text())["data"][0]["paragraphs"]]
    question = {"id": "1", "question": "what colour", "answers": []}
    same = [contexts[0], contexts[1].replace(" ", "\n "), contexts[2].partition(". ")[2]]
    paragraphs: list[dict[str, Any]] = [{"context": c, "qas": [question]} for c in [*same, "The boat is old."]]
    path.write_text(json.dumps({"data": [{"title": "", "paragraphs": paragraphs}]}))
    (only,) = build_examples(config, tmp_path, tokenizer)
    assert "old" in tokenizer.decode(only.window.ids.tolist())


def test_a_wrong_passage_holds_none_of_the_answers(tokenizer: Tokenizer, tmp_path: Path) -> None:
    def paragraph(context: str, question: str, *answers: str) -> dict[str, Any]:
        found = [{"text": text, "answer_start": context.index(text)} for text in answers]
        return {"context": context, "qas": [{"id": context, "question": question, "answers": found}]}

    paragraphs = [
        paragraph("the house is red", "what house", "house is red", "red", "the"),
        paragraph("the boat is red the house is old", "boat"),
        paragraph("the house is blue", "door"),
    ]
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"data": [{"title": "", "paragraphs": paragraphs}]}))
    seen = set()
    for seed in range(8):
        examples = build_examples(training(path, 1.0, negatives=1.0, seed=seed), tmp_path, tokenizer)
        seen |= {tokenizer.decode(e.window.ids.tolist()) for e in examples if e.start == 0}
    assert {text for text in seen if "what house" in text} == {"what house the house is blue"}


def test_a_set_may_have_windows_of_its_own(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    context = "the house is old " * 20 + "and blue"
    answers = [{"text": "blue", "answer_start": context.index("blue")}]
    paragraph = {"context": context, "qas": [{"id": "1", "question": "what colour", "answers": answers}]}
    path.write_text(json.dumps({"data": [{"title": "", "paragraphs": [paragraph]}]}))
    config = training(path, 1.0)
    (own,) = (chosen.model_copy(update={"max_length": 32, "doc_stride": 8}) for chosen in config.train)
    wide = build_examples(config, tmp_path, tokenizer)
    narrow = build_examples(config.model_copy(update={"train": (own,)}), tmp_path, tokenizer)
    assert max(map(len, wide)) == 48
    assert max(map(len, narrow)) == 32
    both = config.model_copy(update={"train": (*config.train, own)})
    assert len(build_examples(both, tmp_path, tokenizer)) == len(wide) + len(narrow)


def test_examples_are_the_same_for_the_same_seed(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = write_questions(tmp_path / "train.json")

    def order(seed: int) -> list[tuple[list[int], int]]:
        examples = build_examples(training(path, 1.5, 0.5, seed), tmp_path, tokenizer)
        return [(e.window.ids.tolist(), e.start) for e in examples]

    assert order(1) == order(1)
    assert order(1) != order(2)
