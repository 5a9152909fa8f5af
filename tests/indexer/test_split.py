"""Passages: what every text must give, whatever is in it, and where sentences and passages should end."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.sentences import units
from indexer.split import Passage, split
from store.errors import InvalidInput

TEXTS = st.text(st.sampled_from("aB1 .!?\n\n\t-#|。漢ไ้é\u3000\U0001f600\"')"), max_size=400) | st.text(max_size=200)


def sentences(text: str) -> list[str]:
    return [text[unit.start : unit.end] for unit in units(text)]


def passages(text: str, words: int, overlap: int = 0) -> list[str]:
    return [text[passage.start : passage.end] for passage in split(text, words, overlap)]


@given(TEXTS, st.integers(1, 12), st.data())
@example("a" * 300, 2, None)
def test_passages_cover_all_text_in_order_and_keep_to_size(text: str, words: int, data: st.DataObject | None) -> None:
    overlap = data.draw(st.integers(0, words - 1)) if data else 1
    breaks = data.draw(st.lists(st.integers(0, len(text)), max_size=4)) if data else []
    found = split(text, words, overlap, breaks)
    covered = {i for passage in found for i in range(passage.start, passage.end)}
    assert covered >= {i for i, character in enumerate(text) if not character.isspace()}
    for passage in found:
        part = text[passage.start : passage.end]
        assert part
        assert part == part.strip()
        assert sum(1 if word.isascii() else 0.5 for word in part.split()) <= words
        assert len("".join(part.split())) <= 20 * words
    for one, next_one in pairwise(found):
        assert one.start < next_one.start
        assert one.end < next_one.end


@given(TEXTS, st.lists(st.integers(0, 400), max_size=5))
def test_units_hold_every_character_once_and_cross_no_break(text: str, breaks: list[int]) -> None:
    found = list(units(text, sorted(breaks)))
    held = [i for unit in found for i in range(unit.start, unit.end)]
    assert held == sorted(set(held))
    assert set(held) >= {i for i, character in enumerate(text) if not character.isspace()}
    if not any(unit.heading for unit in found):
        assert not any(unit.start < at < unit.end for unit in found for at in breaks)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Smith met Mrs. Jones. They talked.", 2),
        ("The U.S. Army moved. It left the U.S. The end came.", 3),
        ("See Fig. 3, e.g. the No. 5 line, at 3.5 volts. Then stop.", 2),
        ("J. R. R. Tolkien wrote it. No. He did.", 3),
        ("He asked “Why?” and left. “Why not?” She laughed (loudly.) All did.", 4),
        ("Yahoo! is a name. Version 4.6.2.0 is out… Really?! Yes.", 4),
        ("我是学生。「好的。」他说!真的？是", 4),
        ("これは本です。あれは何ですか？", 2),
        ("यह एक वाक्य है। यह दूसरा है।", 2),
        ("هل هذا سؤال؟ نعم.", 2),
        ("1. The first point is here. 2. The second is there.", 2),
        ("Am 3. Oktober war es so. Danach nicht.", 2),
        ("It is wrapped at\nthe margin here. It goes\non.", 2),
        ("- one thing\n- another that\n  goes on\n- a third", 3),
        ("a | b\nc | d", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(sentences(text)) == count


@pytest.mark.parametrize("text", ["Introduction", "## Usage", "2.5 Priorities\n==============", "Die Überschrift:"])
def test_headings(text: str) -> None:
    first, *rest = units(f"{text}\n\nA sentence follows it.")
    assert first.heading
    assert not any(unit.heading for unit in rest)


@pytest.mark.parametrize("text", ["It is done.", "- an item", "2022-12-17", "a | b", "word " * 30, "好的。他说"])
def test_not_headings(text: str) -> None:
    assert not any(unit.heading for unit in units(f"{text}\n\nA sentence follows it."))


def test_passages_are_whole_sentences_and_overlap_by_some() -> None:
    text = " ".join(f"This is sentence number {i}." for i in range(10))
    found = passages(text, words=12, overlap=5)
    assert found[0] == "This is sentence number 0. This is sentence number 1."
    assert found[1] == "This is sentence number 1. This is sentence number 2."
    assert found[-1].endswith("number 9.")


def test_passage_ends_at_the_end_of_a_paragraph() -> None:
    text = "One two three four. Five six seven.\n\nEight nine ten. Eleven twelve thirteen fourteen."
    assert passages(text, words=10)[0] == "One two three four. Five six seven."


def test_passage_begins_with_its_heading() -> None:
    text = "One two three four five. Six seven.\n\nThe heading\n\nEight nine ten. Eleven twelve thirteen fourteen."
    assert passages(text, words=12, overlap=6)[1].startswith("The heading\n\nEight nine ten.")


def test_passage_that_goes_on_with_a_section_knows_its_heading() -> None:
    text = "One two three four.\n\nFirst\n=====\n\nFive six seven eight. Nine ten eleven twelve.\n\nSecond\n\nThe end."
    found = [(text[p.start : p.end], p.heading) for p in split(text, words=6, overlap=0)]
    assert found == [
        ("One two three four.", ""),
        ("First\n=====\n\nFive six seven eight.", ""),
        ("Nine ten eleven twelve.", "First"),
        ("Second\n\nThe end.", ""),
    ]


def test_paragraph_end_in_the_first_half_is_passed() -> None:
    text = "One two.\n\nThree four five six. Seven eight nine ten eleven."
    assert passages(text, words=8)[0] == "One two.\n\nThree four five six."


def test_long_sentence_is_cut_between_words_with_overlap() -> None:
    text = " ".join(f"w{i}" for i in range(250))
    found = passages(text, words=100, overlap=20)
    assert [part.split()[0] for part in found] == ["w0", "w80", "w160"]
    assert found[0].split()[-20:] == found[1].split()[:20]


def test_character_of_unspaced_script_is_half_a_word() -> None:
    assert [len(part) for part in passages("漢" * 50, words=10)] == [20, 20, 10]


def test_thai_mark_stays_with_its_letter() -> None:
    assert not any(part.startswith("้") for part in passages("ไม้" * 40, words=3, overlap=1))


def test_break_parts_a_sentence_but_not_a_passage() -> None:
    text = "one two three four five six."
    assert [(unit.start, unit.end) for unit in units(text, [8])] == [(0, 7), (8, 28)]
    assert split(text, breaks=[8]) == [Passage(0, 28)]


@pytest.mark.parametrize(("words", "overlap"), [(0, 0), (5, 5), (5, -1)])
def test_sizes_that_make_no_sense_are_refused(words: int, overlap: int) -> None:
    with pytest.raises(InvalidInput, match="0 <= overlap < words"):
        split("text", words, overlap)


@pytest.mark.parametrize(
    ("text", "at_least"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param(" " * 10**6, 0, id="spaces"),
        pytest.param(" \n" * 10**6, 0, id="blank lines"),
        pytest.param("a" * 10**6, 500, id="no spaces"),
        pytest.param("." * 10**6, 500, id="full stops"),
        pytest.param("a." * 500_000, 500, id="letters and full stops"),
        pytest.param(".)" * 500_000, 500, id="full stops and brackets"),
        pytest.param("漢字" * 200_000, 1000, id="unspaced script"),
        pytest.param("a\n\n" * 200_000, 1000, id="headings only"),
    ],
)
def test_pathological_text_takes_linear_time(text: str, at_least: int) -> None:
    started = time.perf_counter()
    found = split(text)
    assert len(found) >= at_least
    assert bool(found) == bool(text.strip())
    assert time.perf_counter() - started < 30  # a few seconds; quadratic time would be hours
