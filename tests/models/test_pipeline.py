"""Questions over a small collection, with the shipped encoder and reader."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import store.views
from models.answers import Place
from models.encoder import Encoder
from models.pipeline import LONGEST_QUESTION, Outcome, QuestionAnswerer, Timings
from models.retrieval import RetrieverName
from models.settings import Settings
from store.collection import Collection
from store.errors import InvalidInput
from tests.models.made import QUESTION, TEXTS, collection_of, embedded
from tests.models.texts import texts


@pytest.fixture(scope="module")
def answerer() -> QuestionAnswerer:
    return QuestionAnswerer.load(Settings(threads=2))


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Collection]:
    made = collection_of(tmp_path_factory.mktemp("pipeline") / "default", encoder, embedded(encoder, TEXTS))
    yield made
    made.close()


def assert_verbatim(outcome: Outcome, collection: Collection) -> None:
    for answer in outcome.answers:
        passage = answer.retrieved.passage
        assert collection.document_text(passage.document.id)[answer.start : answer.end] == answer.text
        assert passage.start <= answer.start < answer.end <= passage.end
        for place in answer.also_found_in:
            assert collection.document_text(place.document)[place.start : place.end].strip()


@given(documents=st.lists(texts(60), min_size=1, max_size=3), question=texts(8))
@hypothesis_settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_answer_is_a_piece_of_its_document(
    answerer: QuestionAnswerer,
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[str],
    question: str,
) -> None:
    made = embedded(answerer.encoder, {f"d{i}": text for i, text in enumerate(documents)}, size=60, step=37)
    collection = collection_of(tmp_path_factory.mktemp("any") / "default", answerer.encoder, made)
    outcome = answerer.ask(collection, f"what {question}", min_confidence=0, top_k=50)
    assert_verbatim(outcome, collection)
    collection.close()


def test_an_easy_question_is_answered_with_all_that_belongs_to_it(
    answerer: QuestionAnswerer, collection: Collection
) -> None:
    outcome = answerer.ask(collection, f"  {QUESTION}\n", min_confidence=0, top_k=10)
    assert_verbatim(outcome, collection)
    assert outcome.question == QUESTION
    assert outcome.state == collection.state()
    assert 1 <= len(outcome.answers) <= 10
    assert 0 <= outcome.no_answer_confidence <= 1
    confidences = [answer.confidence for answer in outcome.answers]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= confidence <= 1 for confidence in confidences)
    timings = outcome.timings
    assert min(timings.encode, timings.retrieve, timings.read) >= 0
    assert timings.total >= timings.encode + timings.retrieve + timings.read
    for answer in outcome.answers:
        assert all(isinstance(place, Place) for place in answer.also_found_in)
        assert answer.retrieved.sparse is not None or answer.retrieved.dense is not None


def test_a_question_that_is_no_text_is_refused(answerer: QuestionAnswerer, collection: Collection) -> None:
    with pytest.raises(InvalidInput, match="surrogate"):
        answerer.ask(collection, "What is a caf\udce9?")


def test_no_text_is_answered_twice(answerer: QuestionAnswerer, collection: Collection) -> None:
    answers = answerer.ask(collection, QUESTION, min_confidence=0, top_k=50).answers
    assert len({answer.text.lower() for answer in answers}) == len(answers)


def test_minimum_confidence_withholds_answers(answerer: QuestionAnswerer, collection: Collection) -> None:
    everything = answerer.ask(collection, QUESTION, min_confidence=0, top_k=50).answers
    for bar in (0.0, everything[len(everything) // 2].confidence, 1.0):
        kept = answerer.ask(collection, QUESTION, min_confidence=bar, top_k=50).answers
        assert kept == tuple(answer for answer in everything if answer.confidence >= bar)


def test_minimum_confidence_comes_from_the_call_or_the_settings(
    answerer: QuestionAnswerer, collection: Collection
) -> None:
    parts = (answerer.name, answerer.encoder, answerer.reader, answerer.calibration)
    everything = answerer.ask(collection, QUESTION, min_confidence=0).answers
    lenient = QuestionAnswerer(*parts, Settings(min_confidence=0))
    assert lenient.ask(collection, QUESTION).answers == everything
    assert lenient.ask(collection, QUESTION, min_confidence=1).answers == ()
    strict = QuestionAnswerer(*parts, Settings(min_confidence=1))
    assert strict.ask(collection, QUESTION).answers == ()


def test_fewer_answers_are_the_first_of_more(answerer: QuestionAnswerer, collection: Collection) -> None:
    more = answerer.ask(collection, QUESTION, min_confidence=0, top_k=4).answers
    assert answerer.ask(collection, QUESTION, min_confidence=0, top_k=1).answers == more[:1]
    assert 1 < len(more) <= 4


def test_the_same_question_gives_the_same_answers(answerer: QuestionAnswerer, collection: Collection) -> None:
    one, other = (answerer.ask(collection, QUESTION, min_confidence=0, top_k=50) for _ in range(2))
    assert (one.answers, one.no_answer_confidence) == (other.answers, other.no_answer_confidence)


@pytest.mark.parametrize("retriever", ["hybrid", "sparse", "dense"])
def test_each_retriever_finds_the_passage_and_its_scores(
    answerer: QuestionAnswerer, collection: Collection, retriever: RetrieverName
) -> None:
    outcome = answerer.ask(collection, QUESTION, retriever=retriever, passages=2, min_confidence=0)
    assert outcome.answers
    assert {answer.retrieved.passage.document.id for answer in outcome.answers} <= {"tower", "museum"}
    assert_verbatim(outcome, collection)
    for answer in outcome.answers:
        retrieved = answer.retrieved
        if retriever == "sparse":
            assert (retrieved.score, retrieved.dense) == (retrieved.sparse, None)
        elif retriever == "dense":
            assert (retrieved.score, retrieved.sparse) == (retrieved.dense, None)
        else:
            assert 0 <= retrieved.score <= 1


def test_filters_choose_the_documents(answerer: QuestionAnswerer, collection: Collection) -> None:
    for field in ("meta.name", "id"):
        bakery = {"field": field, "operator": "==", "value": "bakery"}
        outcome = answerer.ask(collection, QUESTION, filters=bakery, min_confidence=0, top_k=50)
        assert {answer.retrieved.passage.document.id for answer in outcome.answers} == {"bakery"}
    nothing = answerer.ask(
        collection, QUESTION, filters={"field": "id", "operator": "==", "value": "x"}, min_confidence=0
    )
    assert (nothing.answers, nothing.no_answer_confidence) == ((), 1.0)
    with pytest.raises(InvalidInput, match="filter"):
        answerer.ask(collection, QUESTION, filters={"field": "id"})


def without_times(outcome: Outcome) -> Outcome:
    return replace(outcome, timings=Timings(0, 0, 0, 0), cached=False)


def test_an_answer_comes_from_the_cache_until_the_documents_change(
    answerer: QuestionAnswerer, encoder: Encoder, tmp_path: Path
) -> None:
    (name, text), *others = TEXTS.items()
    collection = collection_of(tmp_path / "changing", encoder, embedded(encoder, dict(others)))
    first, again = answerer.ask(collection, QUESTION), answerer.ask(collection, f" {QUESTION} ")
    assert (first.cached, again.cached) == (False, True)
    assert without_times(again) == without_times(first)
    assert again.timings.total < first.timings.total
    for options in ({"top_k": 1}, {"passages": 2}, {"retriever": "sparse"}, {"min_confidence": 0.1}):
        assert not answerer.ask(collection, QUESTION, **options).cached, options
    assert not answerer.ask(collection, QUESTION, filters={"field": "id", "operator": "!=", "value": "x"}).cached
    collection.write(embedded(encoder, {name: text}))
    changed = answerer.ask(collection, QUESTION)
    assert not changed.cached
    assert changed.state.documents == first.state.documents + 1
    collection.close()


def test_what_was_found_while_another_process_writes_the_index_is_not_kept(
    answerer: QuestionAnswerer, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name, text), *others = TEXTS.items()
    collection = collection_of(tmp_path / "written", encoder, embedded(encoder, dict(others)))
    other = Collection(collection.folder, collection.encoder)
    monkeypatch.setattr(store.views, "FOLLOWED_WITHIN_S", 0.0)
    with monkeypatch.context() as patched, other.alone():
        patched.setattr(other, "refresh", lambda: None)
        other.write(embedded(encoder, {name: text}))
        before = answerer.ask(collection, QUESTION, retriever="sparse")
    after = answerer.ask(collection, QUESTION, retriever="sparse")
    assert before.state == after.state
    assert not after.cached
    assert before.passages_read < after.passages_read
    other.close()
    collection.close()


def test_the_cache_keeps_the_last_ones_or_none(collection: Collection) -> None:
    small, none = QuestionAnswerer.load(Settings(threads=1, cache=2)), QuestionAnswerer.load(Settings(cache=0))
    for question in ("Who?", "Where?", "Who?", "When?"):
        small.ask(collection, question)
        none.ask(collection, question)
    assert [small.ask(collection, question).cached for question in ("When?", "Who?", "Where?")] == [True, True, False]
    assert not none.ask(collection, "When?").cached


def test_a_budget_ends_the_reading_after_one_passage_at_least(
    answerer: QuestionAnswerer, collection: Collection
) -> None:
    question = "What was it that was built?"
    short = answerer.ask(collection, question, budget_ms=0.001, min_confidence=0)
    assert short.passages_read == 1
    only = answerer.ask(collection, question, passages=1, min_confidence=0).answers
    assert [a.text for a in short.answers] == [a.text for a in only]
    whole = answerer.ask(collection, question, budget_ms=1e6, min_confidence=0)
    assert not whole.cached, "what the budget cut short is not kept"
    assert whole.passages_read == whole.state.passages > 1
    assert answerer.ask(collection, question, budget_ms=0.001, min_confidence=0).cached, "and what is whole is"


def test_no_closer_look_is_taken_once_time_is_over(
    answerer: QuestionAnswerer, tmp_path: Path, encoder: Encoder
) -> None:
    question = "Who built the tower?"
    text = f"{'The hill is green. ' * 30}The tower was built by Ada Lovelace in 1873. {'Bread rests. ' * 30}"
    made = collection_of(tmp_path / "default", encoder, embedded(encoder, {"tower": text}, size=5000, step=5000))
    (reading,) = answerer.reader.stream(question, [text])
    (closer,) = answerer.reader.look_closer([reading])
    assert closer[0].score != reading.spans[0].score
    hasty = answerer.ask(made, question, budget_ms=0.001, min_confidence=0)
    assert hasty.answers[0].reader_score == reading.spans[0].score
    assert answerer.ask(made, question, min_confidence=0).answers[0].reader_score == closer[0].score
    made.close()


def test_early_exit_reads_less_and_finds_the_same(answerer: QuestionAnswerer, collection: Collection) -> None:
    whole = answerer.ask(collection, QUESTION)
    settled = answerer.ask(collection, QUESTION, early_exit=True)
    assert settled.passages_read < whole.passages_read
    assert settled.answers[0].text == whole.answers[0].text


def test_an_empty_collection_has_no_answer(answerer: QuestionAnswerer, tmp_path: Path) -> None:
    empty = Collection(tmp_path / "empty", answerer.encoder.identity)
    outcome = answerer.ask(empty, QUESTION, min_confidence=0)
    assert (outcome.answers, outcome.no_answer_confidence) == ((), 1.0)
    assert outcome.state.documents == 0
    empty.close()


@pytest.mark.parametrize("question", ["", " \n\t\u00a0", "x" * (LONGEST_QUESTION + 1)])
def test_an_empty_or_too_long_question_is_refused(
    answerer: QuestionAnswerer, collection: Collection, question: str
) -> None:
    with pytest.raises(InvalidInput, match="characters; ask with 1 to 2000"):
        answerer.ask(collection, question)


@pytest.mark.parametrize("question", ["???", "😀", "- !"])
def test_a_question_without_a_word_is_refused(
    answerer: QuestionAnswerer, collection: Collection, question: str
) -> None:
    with pytest.raises(InvalidInput, match="no letter and no digit"):
        answerer.ask(collection, question)


def test_the_longest_question_is_answered(answerer: QuestionAnswerer, collection: Collection) -> None:
    outcome = answerer.ask(collection, ("lighthouse " * 200)[:LONGEST_QUESTION], min_confidence=0)
    assert_verbatim(outcome, collection)


def test_an_answer_stands_in_the_copies_of_its_passage_too(
    answerer: QuestionAnswerer, tmp_path: Path, encoder: Encoder
) -> None:
    text = "The lighthouse was built in 1873. Its lamp was electrified in 1935."
    documents = {"one": text, "two": text, "shouted": text.upper(), "other": "The bakery opens at six."}
    made = collection_of(tmp_path / "copies", encoder, embedded(encoder, documents))
    outcome = answerer.ask(made, QUESTION, min_confidence=0)
    assert_verbatim(outcome, made)
    answer = outcome.answers[0]
    assert answer.text == "1873"
    assert outcome.passages_read == 2
    places = {place.document: (place.start, place.end) for place in answer.also_found_in}
    assert {answer.retrieved.passage.document.id, *places} == {"one", "two"}
    assert set(places.values()) == {(answer.start, answer.end)}
    made.close()


def test_a_remembered_answer_does_not_keep_its_collection_open(
    answerer: QuestionAnswerer, tmp_path: Path, encoder: Encoder
) -> None:
    made = collection_of(tmp_path / "deleted", encoder, embedded(encoder, TEXTS))
    assert not answerer.ask(made, QUESTION).cached
    assert answerer.ask(made, QUESTION).cached
    made.close()
    left = weakref.ref(made)
    del made
    gc.collect()
    assert left() is None


def test_no_more_passages_of_a_document_are_read_than_it_may_have(
    answerer: QuestionAnswerer, collection: Collection
) -> None:
    free = answerer.ask(collection, QUESTION)
    limited = answerer.ask(collection, QUESTION, per_document=1)
    assert free.passages_read > limited.passages_read == len(TEXTS)
    parts = (answerer.name, answerer.encoder, answerer.reader, answerer.calibration)
    assert QuestionAnswerer(*parts, Settings(per_document=1)).ask(collection, QUESTION).answers == limited.answers
