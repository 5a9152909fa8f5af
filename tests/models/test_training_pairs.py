"""Questions with their passages: read from their files, kept from what is tuned on, dealt into batches."""

from pathlib import Path
from typing import Any

import pytest

from models.evaluation.sources import read_judgements
from models.training.pairs import Pair, PairData, Passage, deal, held_out_texts, read_pair_data
from models.training.retriever_config import HardNegatives, PairSet, PassageSet, RetrieverTraining
from store.errors import InvalidInput
from tests.models.judged_files import PLANETS, write_beir, write_jsonl, write_squad

ROWS = [
    {"source": "sky", "question": "Which planet has rings?", "positive": "Saturn  has rings.", "title": "Saturn"},
    {"source": "sky", "question": "Whose rings are of ice?", "positive": "Saturn has\nrings.", "title": "Rings"},
    {"source": "sea", "question": "What is salty?", "positive": "The sea is salty.", "answers": ["the sea", "sea"]},
]


def training(*sets: PairSet, **settings: Any) -> RetrieverTraining:
    return RetrieverTraining(base="x", train=sets, **settings)


def chosen(file: str, **settings: Any) -> PairSet:
    return PairSet(file=Path(file), licence="CC0", **settings)


def test_lines_become_pairs_and_one_text_is_one_passage(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl.gz", ROWS)
    data = read_pair_data(training(chosen("a.jsonl.gz", passes=2)), tmp_path)
    assert data.passages == [Passage("Saturn", "Saturn  has rings."), Passage("", "The sea is salty.")]
    assert [(pair.positive, pair.answers) for pair in data.pairs] == [(0, ()), (0, ()), (1, ("the sea", "sea"))]
    assert data.draws == [0, 1, 2, 0, 1, 2]


def test_a_set_may_be_one_source_some_of_it_or_without_titles(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    data = read_pair_data(training(chosen("a.jsonl", source="sky", titles=False, limit=1, passes=1.0)), tmp_path)
    assert len(data.pairs) == len(data.draws) == 1
    assert [passage.title for passage in data.passages] == [""]
    with pytest.raises(InvalidInput, match=r"a.jsonl \(land\) holds no pair"):
        read_pair_data(training(chosen("a.jsonl", source="land")), tmp_path)


def test_squad_gives_its_answers_and_leaves_out_what_has_none(tmp_path: Path) -> None:
    data = read_pair_data(training(chosen(write_squad(tmp_path / "a.json").name)), tmp_path)
    assert [pair.answers for pair in data.pairs] == [("Venus",), ("Mars",), ("Saturn",)]
    assert {passage.title for passage in data.passages} == {"Planets"}


def test_further_passages_are_those_of_the_named_sources(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    texts = [("sky", "Mars is red."), ("land", "Hills are green."), ("sky", "The SEA is  salty.")]
    write_jsonl(tmp_path / "p.jsonl", [{"source": s, "title": "T", "text": text} for s, text in texts])
    further = PassageSet(file=Path("p.jsonl"), licence="CC0", sources=("sky",))
    data = read_pair_data(training(chosen("a.jsonl"), negatives=HardNegatives(passages=(further,))), tmp_path)
    assert data.passages[2:] == [Passage("T", "Mars is red.")]


def test_what_is_tuned_on_is_left_out_wherever_it_stands(tmp_path: Path) -> None:
    held = held_out_texts([read_judgements(write_beir(tmp_path / "beir"), "test")])
    rows = [
        {"question": "which planet is  the hottest?", "positive": "Some text."},
        {"question": "Another question?", "positive": PLANETS["saturn"][1].upper()},
        {"question": "A third one?", "positive": PLANETS["mercury"][1]},  # relevant to nothing that is asked
    ]
    write_jsonl(tmp_path / "a.jsonl", rows)
    write_jsonl(tmp_path / "p.jsonl", [{"text": PLANETS["mars"][1]}, {"text": "Free."}])
    further = PassageSet(file=Path("p.jsonl"), licence="CC0")
    config = training(chosen("a.jsonl"), negatives=HardNegatives(passages=(further,)))
    data = read_pair_data(config, tmp_path, held)
    assert [pair.question for pair in data.pairs] == ["A third one?"]
    assert [passage.text for passage in data.passages] == [PLANETS["mercury"][1], "Free."]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"question": "Why?"}, "line 1: 'positive' is None"),
        ({"question": "", "positive": "x"}, "line 1: 'question' is empty"),
        ({"question": "Why?", "positive": "x", "answers": "so"}, "line 1: 'answers' is 'so'; it has to be a list"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, row: dict[str, Any], named: str) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row])
    with pytest.raises(InvalidInput, match=named):
        read_pair_data(training(chosen("a.jsonl")), tmp_path)


def many() -> PairData:
    """Sixty pairs on twenty passages; every third question is the same one."""
    passages = [Passage("", "x" * (1 + number)) for number in range(20)]
    pairs = [Pair("the same?" if number % 3 == 0 else f"{number}?", number % 20) for number in range(60)]
    return PairData(pairs, list(range(60)), passages)


def test_no_text_stands_twice_in_a_batch() -> None:
    data = many()
    plan = deal(data, 4, seed=1)
    assert len(plan) >= 10
    numbers = [number for batch in plan for number in batch]
    assert len(numbers) == len(set(numbers))
    for batch in plan:
        pairs = [data.pairs[number] for number in batch]
        assert len(pairs) == len({pair.positive for pair in pairs}) == len({pair.question for pair in pairs}) == 4


def test_no_passage_of_a_batch_answers_two_of_its_questions() -> None:
    # Each question has two passages, and shares one with the next.
    pairs = [Pair(f"question {n}", (n + more) % 40) for n in range(40) for more in (0, 1)]
    data = PairData(pairs, list(range(80)), [Passage("", f"passage {n}") for n in range(40)])
    answering = data.answering()
    dealt = deal(data, 4, seed=1)
    assert len(dealt) > 15
    for batch in dealt:
        brought = {pairs[number].positive for number in batch}
        assert len(brought) == 4
        assert all(len(brought & answering[pairs[number].question]) == 1 for number in batch)


def test_the_same_seed_deals_the_same_batches() -> None:
    assert deal(many(), 4, seed=1) == deal(many(), 4, seed=1) != deal(many(), 4, seed=2)


def test_too_few_different_questions_for_a_batch_are_refused() -> None:
    with pytest.raises(InvalidInput, match="fill no batch of 32"):
        deal(many(), 32, seed=1)
