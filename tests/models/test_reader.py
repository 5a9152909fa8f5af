"""The reader with a toy network that looks for marked words, and with the shipped one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from models.reader import Reader, ReaderSettings, load_reader
from models.spans import Logits
from models.windows import Window
from tests.models.texts import texts

SHORT = ReaderSettings(max_length=24, doc_stride=8, max_answer_tokens=4, spans_per_passage=3)


def looking_for(tokenizer: Tokenizer, scores: dict[str, float], settings: ReaderSettings = SHORT) -> Reader:
    """A reader whose network gives a word's score to its start and end, 0 to the null token and -20 to all others."""
    wanted = {tokenizer.token_to_id(word): score for word, score in scores.items()}

    def network(windows: Sequence[Window]) -> list[tuple[Logits, Logits]]:
        found = []
        for window in windows:
            logits = np.array([wanted.get(int(i), -20.0) for i in window.ids], dtype=np.float32)
            logits[0] = 0.0
            found.append((logits, logits))
        return found

    return Reader(tokenizer, network, settings)


@pytest.mark.parametrize("before", [0, 3, 7, 8, 15, 16, 40, 100])
def test_a_word_is_found_once_wherever_it_stands(tokenizer: Tokenizer, before: int) -> None:
    passage = "über " * before + "the red house " + "tall " * 30
    reader = looking_for(tokenizer, {"red": 3.0})
    (spans,) = reader.read("What colour?", [passage])
    best = spans[0]
    assert (best.start, best.end, best.score) == (passage.index("red"), passage.index("red") + 3, 6.0)
    assert all(span.score < 0 for span in spans[1:])


def test_spans_come_best_first_without_overlaps_and_not_too_many(tokenizer: Tokenizer) -> None:
    passage = "red house, blue house, green house, white house, black house"
    scores = {"red": 1.0, "blue": 5.0, "green": 3.0, "white": 2.0, "black": 4.0}
    (spans,) = looking_for(tokenizer, scores).read("What colour?", [passage])
    assert [passage[s.start : s.end] for s in spans] == ["blue", "black", "green"]


def test_each_span_knows_how_much_of_its_own_question_stands_around_it(tokenizer: Tokenizer) -> None:
    reader = looking_for(tokenizer, {"red": 3.0})
    pairs = [("house colour", ["a red house", "a red door"]), ("door", ["a red door"])]
    first, second = reader.read_pairs(pairs)
    assert [spans[0].coverage for spans in first] == [pytest.approx(5 / 11), 0.0]
    assert second[0][0].coverage == 1


def test_passages_are_read_apart_and_without_a_word_give_nothing(tokenizer: Tokenizer) -> None:
    reader = looking_for(tokenizer, {"red": 3.0})
    red, empty, blank, blue = reader.read("What?", ["a red door", "", " \n", "a blue door"])
    assert (empty, blank) == ([], [])
    assert red[0].score == 6.0
    assert blue[0].score < 0
    assert reader.read("What?", []) == []
    assert reader.read_pairs([]) == []


def test_what_is_not_asked_for_is_not_read(tokenizer: Tokenizer) -> None:
    seen = []

    def network(windows: Sequence[Window]) -> Iterator[tuple[Logits, Logits]]:
        for window in windows:
            seen.append(window)
            yield np.zeros(len(window), dtype=np.float32), np.zeros(len(window), dtype=np.float32)

    passages = ["a red door", "", "one " * 30, "a blue door", "a green door"]
    reading = Reader(tokenizer, network, SHORT).stream("What?", passages)
    assert [bool(next(reading).spans) for _ in range(3)] == [True, False, True]
    read = len(seen)
    assert read > 2, "the long passage has several windows"
    reading.close()
    assert len(seen) == read


CLOSE = ReaderSettings(max_length=64, max_answer_tokens=2, closer_look=4)


def changing_its_mind(
    tokenizer: Tokenizer, first: dict[str, float], closer: dict[str, float]
) -> tuple[Reader, list[Window]]:
    """A reader whose network scores words otherwise in windows of at most 24 tokens, and the windows it has seen."""
    readers = [looking_for(tokenizer, scores, CLOSE) for scores in (first, closer)]
    seen: list[Window] = []

    def network(windows: Sequence[Window]) -> Iterator[tuple[Logits, Logits]]:
        for window in windows:
            seen.append(window)
            yield from readers[len(window) <= 24]._network([window])

    return Reader(tokenizer, network, CLOSE), seen


FAR = "tall " * 20
NEAR = f"{FAR}red or blue house {FAR}green house"


def test_the_best_span_is_read_again_with_its_nearest_surroundings_and_both_readings_count(
    tokenizer: Tokenizer,
) -> None:
    first = {"red": 4.0, "blue": 3.0, "green": 2.0}
    reader, seen = changing_its_mind(tokenizer, first, {"red": 0.0, "blue": 6.0, "green": 50.0})
    (spans,) = reader.read("What?", [NEAR])
    assert [(NEAR[s.start : s.end], s.score) for s in spans[:3]] == [("blue", 9.0), ("red", 4.0), ("green", 4.0)]
    whole, closer = seen
    words = [tokenizer.id_to_token(int(i)) for i in closer.ids[closer.at : closer.at + closer.count]]
    assert words == ["tall", "tall", "tall", "tall", "red", "or", "blue", "house", "tall"]
    assert closer.ids[: closer.at].tolist() == whole.ids[: whole.at].tolist(), "the same question"


def test_in_every_window_that_holds_the_surroundings_both_readings_count(tokenizer: Tokenizer) -> None:
    passage = "tall " * 50 + "red house " + "tall " * 50
    reader, seen = changing_its_mind(tokenizer, {"red": 4.0}, {"red": 1.0})
    reader.settings = replace(CLOSE, doc_stride=20)
    (spans,) = reader.read("What?", [passage])
    holding = [w for w in seen if tokenizer.token_to_id("red") in w.ids and len(w) > 24]
    assert len(holding) > 1
    assert (passage[spans[0].start : spans[0].end], spans[0].score) == ("red", 5.0)


@pytest.mark.parametrize(
    ("score", "passage", "around"),
    [
        (-2.1, NEAR, 4),  # a margin below the bound
        (4.0, "a red house", 4),  # nothing further away that could be left out
        (4.0, NEAR, 0),
    ],
)
def test_what_a_closer_look_would_not_help_is_read_once(
    tokenizer: Tokenizer, score: float, passage: str, around: int
) -> None:
    reader, seen = changing_its_mind(tokenizer, {"red": score}, {"red": score})
    reader.settings = replace(CLOSE, closer_look=around)
    (spans,) = reader.read("What?", [passage])
    assert spans[0].score == pytest.approx(2 * score)
    assert len(seen) == 1


def test_of_several_passages_only_the_likeliest_are_read_again(tokenizer: Tokenizer) -> None:
    first = {"red": 4.0, "blue": 3.0, "green": 2.625, "white": 2.375, "black": -3.0}
    reader, _ = changing_its_mind(tokenizer, first, dict.fromkeys(first, 0.0))
    colours = ["green", "white", "blue", "black", "red"]
    passages = [FAR + colour for colour in colours]

    def read_again(*numbers: int) -> dict[str, float]:
        readings = list(reader.stream("What?", [passages[number] for number in numbers]))
        assert [reading.spans[0].score for reading in readings] == [2 * first[colours[number]] for number in numbers]
        spans = reader.look_closer(readings)
        assert reader.read("What?", [passages[number] for number in numbers]) == spans
        pairs = [("Who?", [passages[number] for number in numbers]), ("What?", [])]
        assert reader.read_pairs(pairs) == [spans, []]
        scores = {colours[number]: of_passage[0].score for number, of_passage in zip(numbers, spans, strict=True)}
        return {colour: score for colour, score in scores.items() if score != 2 * first[colour]}

    assert read_again(0, 1, 2, 3, 4) == {"red": 4.0, "blue": 3.0}, "two of all"
    assert read_again(1, 4) == {"red": 4.0}, "one that is 3.25 below the best is not worth it"
    assert read_again(0, 4) == {"red": 4.0, "green": 2.625}
    assert read_again(0, 1, 2, 3) == {"blue": 3.0, "green": 2.625}
    assert read_again(3) == {}
    assert read_again() == {}
    reader.settings = replace(CLOSE, closer_look=0)
    assert read_again(0, 1, 2, 3, 4) == {}


@pytest.mark.parametrize("name", ["base", "fast"])
def test_a_shipped_reader_finds_an_answer_and_sees_where_there_is_none(name: str) -> None:
    tower = "The tower was built in 1873 by Ada Lovelace."
    (told, *_), (untold, *_) = load_reader(name).read("When was the tower built?", [tower, "Bread rests for 20 hours."])
    assert tower[told.start : told.end] == "1873"
    assert told.answer_odds > 0 > untold.answer_odds


def test_pairs_give_what_each_question_gives_alone(reader: Reader) -> None:
    pairs = [
        ("Who built the tower?", ["The tower was built by Ada.", "Bread rests."]),
        ("What rests?", ["Bread rests.", "The tower was built by Ada."]),
        ("Nothing?", []),
    ]
    assert reader.read_pairs(pairs) == [reader.read(question, passages) for question, passages in pairs]


def test_a_first_reading_does_not_depend_on_the_passages_beside_it(reader: Reader) -> None:
    question = "When was the tower built?"
    passages = ["The tower was built in 1873 by Ada Lovelace.", "x " * 400, "Bread rests for twenty hours."]
    together = [reading.spans for reading in reader.stream(question, passages)]
    assert together == [next(reader.stream(question, [passage])).spans for passage in passages]


@given(question=texts(6), passage=texts(25), seed=st.integers(0, 1000))
@hypothesis_settings(max_examples=50)
def test_spans_are_whole_words_inside_the_passage(tokenizer: Tokenizer, question: str, passage: str, seed: int) -> None:
    def network(windows: Sequence[Window]) -> list[tuple[Logits, Logits]]:
        rng = np.random.default_rng(seed)
        logits = [rng.normal(size=(2, len(window))).astype(np.float32) for window in windows]
        return [(start, end) for start, end in logits]

    settings = ReaderSettings(max_length=80, doc_stride=5, max_answer_tokens=6)
    (spans,) = Reader(tokenizer, network, settings).read(question, [passage])
    assert len(spans) <= settings.spans_per_passage
    words = tokenizer.encode(passage, add_special_tokens=False)
    firsts = [i for i, word in enumerate(words.word_ids) if word not in words.word_ids[:i]]
    starts = {words.offsets[i][0] for i in firsts}
    for span in spans:
        assert 0 <= span.start < span.end <= len(passage)
        assert span.start in starts
        assert passage[span.start : span.end] == passage[span.start : span.end].strip("\t\n\r \u00a0\u3000")


def test_a_long_question_is_read(reader: Reader) -> None:
    (spans,) = reader.read("why " * 600, ["Because it rained all day long."])
    assert spans
