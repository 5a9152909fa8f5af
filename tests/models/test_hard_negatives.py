"""Hard negatives: found by words and by a model, and never what answers the question."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from models.encoder import Embeddings
from models.training.negatives import NONE, Miner, RunNegatives, nearest
from models.training.pairs import Pair, PairData, Passage
from models.training.retriever_config import HardNegatives, PairSet, RetrieverTraining
from store.errors import InvalidInput

PASSAGES = [
    "Saturn is known for its rings of ice.",
    "The rings of Saturn were seen by Galileo in 1610. Saturn is known for its rings of ice. They are thin.",
    "Jupiter has rings too, of dust; Saturn has the larger ones.",
    "Rings of gold are worn.",
    "Ice floats on the sea.",
    "Rings around Saturn consist mostly of frozen water.",
    "Wheat is sown in autumn.",
]
PAIRS = [
    Pair("What are the rings of Saturn made of?", 0, ("ice",)),
    Pair("what are the rings of saturn  made of?", 5, ("frozen water",)),
    Pair("When is wheat sown?", 6),
]
DATA = PairData(PAIRS, [0, 1, 2], [Passage("", text) for text in PASSAGES])

# By hand: questions and passages on a circle, in degrees
ANGLES = {PASSAGES[n]: angle for n, angle in enumerate([0, 5, 10, 30, 60, 15, 90])}
ASKED = {PAIRS[0].question: 0, PAIRS[1].question: 0, PAIRS[2].question: 90}


class OnACircle:
    """Embeddings that are written down."""

    def __init__(self) -> None:
        self.shown: list[list[str]] = []

    def encode_questions(self, questions: Sequence[str]) -> Embeddings:
        return self._points([ASKED[question] for question in questions])

    def encode(self, texts: Sequence[str], titles: Sequence[str] = ()) -> Embeddings:
        assert len(titles) == len(texts)
        self.shown.append(list(texts))
        return self._points([ANGLES[text] for text in texts])

    def _points(self, angles: list[int]) -> Embeddings:
        radians = np.deg2rad(np.array(angles, dtype=np.float32))
        return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def rows(found: np.ndarray) -> list[list[int]]:
    return [[int(n) for n in row if n != NONE] for row in found]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (0, "it is the answer"),
        (1, "it contains the passage that is"),
        (4, "the words of the answer occur in it"),
        (5, "it answers the same question elsewhere"),
    ],
)
def test_what_answers_a_question_is_not_wrong(number: int, why: str) -> None:
    assert not Miner(DATA, HardNegatives(), 1).wrong(PAIRS[0], number), why


def test_a_sentence_of_the_passage_that_answers_is_not_wrong_either() -> None:
    whole = Pair("Who saw the rings?", 1)
    miner = Miner(PairData([whole], [0], DATA.passages), HardNegatives(), 1)
    assert not miner.wrong(whole, 0)
    assert miner.wrong(whole, 2)


def test_by_words_the_wrong_passages_that_share_most_come_first() -> None:
    found = Miner(DATA, HardNegatives(depth=2), 1).by_words([0, 2], OnACircle())
    assert rows(found) == [[2, 3], []]
    assert found.shape == (2, 2)


def test_with_a_margin_the_model_throws_out_what_it_holds_for_an_answer() -> None:
    encoder = OnACircle()
    kept = Miner(DATA, HardNegatives(depth=2, margin=0.1), 1).by_words([0], encoder)  # cos 10° = 0.98, cos 30° = 0.87
    assert rows(kept) == [[3]]
    assert encoder.shown == [[PASSAGES[0], PASSAGES[2], PASSAGES[3]]], "only what is compared is encoded"


def test_by_model_the_nearest_wrong_passages_come_first() -> None:
    settings = HardNegatives(depth=3, refresh_steps=1)
    assert rows(Miner(DATA, settings, 1).by_model([0, 2], OnACircle(), 1)) == [[2, 3, 6], [4, 3, 5]]
    settings = HardNegatives(depth=3, refresh_steps=1, margin=0.1)
    assert rows(Miner(DATA, settings, 1).by_model([0, 2], OnACircle(), 1)) == [[3, 6], [4, 3, 5]]


def test_a_refresh_looks_at_a_part_that_is_drawn_anew() -> None:
    encoder = OnACircle()
    miner = Miner(DATA, HardNegatives(refresh_steps=1, refresh_passages=2), 1)
    for refresh in range(1, 9):
        miner.by_model([0], encoder, refresh)
    assert all(PASSAGES[0] in shown and len(shown) == 3 for shown in encoder.shown)
    assert len(set(map(tuple, encoder.shown))) > 1


def test_nearest_is_exact() -> None:
    rng = np.random.default_rng(0)
    questions, passages = (rng.standard_normal((n, 8)).astype(np.float32) for n in (1500, 40))
    expected = np.argsort(-(questions @ passages.T), axis=1)[:, :5]
    np.testing.assert_array_equal(nearest(questions, passages, 5), expected)


def test_nothing_is_drawn_that_answers_another_question_of_the_batch() -> None:
    miner = Miner(DATA, HardNegatives(count=2), 1)
    found = np.array([6, 2, 3, NONE], dtype=np.int32)  # 6 answers the other question
    for seed in range(20):
        first, second = miner.draw([PAIRS[0], PAIRS[2]], [found, found[3:]], np.random.default_rng(seed))
        assert sorted(first) == [2, 3]
        assert len(second) == 2
        assert set(second) <= {1, 2, 3, 4}, "any wrong ones, where none were found"


def test_too_few_wrong_passages_are_said_to_be_too_few() -> None:
    data = PairData([Pair("Which?", 0)], [0], [Passage("", "this"), Passage("", "this one")])
    with pytest.raises(InvalidInput, match="too few wrong passages for 'Which"):
        Miner(data, HardNegatives(), 1).draw(data.pairs, [np.array([NONE], dtype=np.int32)], np.random.default_rng(0))


def test_a_run_finds_them_anew_and_a_resumed_one_uses_what_was_found(tmp_path: Path) -> None:
    sets = (PairSet(file=Path("a.jsonl"), licence="CC0"),)
    config = RetrieverTraining(base="x", train=sets, negatives=HardNegatives(depth=3, refresh_steps=2))
    plan = [[0, 2], [1, 2], [0, 2], [1, 2]]

    def columns(encoder: OnACircle, steps: range) -> list[list[list[int]]]:
        run = RunNegatives(config, DATA, plan, encoder, tmp_path)
        return [run.columns(plan[step], step) for step in steps]

    whole = columns(OnACircle(), range(4))
    assert [columns[0] for columns in whole] == [[DATA.pairs[n].positive for n in batch] for batch in plan]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["negatives-0.npy", "negatives-1.npy"]
    resumed = OnACircle()
    assert columns(resumed, range(1, 4)) == whole[1:]
    assert resumed.shown == []
