"""The way of a question: encode, retrieve, read, merge, judge."""

import json
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from cachetools import LRUCache

from models.answers import Candidate, Place
from models.artifact import load_artifact
from models.confidence import Calibration, kept
from models.coverage import words
from models.encoder import Encoder
from models.judging import read_and_judge
from models.reader import Reader, open_reader
from models.retrieval import Retrieved, RetrieverName, retrieve
from models.settings import Settings
from store.collection import Collection
from store.errors import InvalidInput
from store.reading import CollectionState

LONGEST_QUESTION = 2000  # characters


@dataclass(frozen=True)
class Answer:
    """A verbatim span: `document text[start:end] == text`, in code points."""

    text: str
    confidence: float  # calibrated probability that it is right
    start: int
    end: int
    retrieved: Retrieved  # the passage that it was read in, with that passage's scores
    reader_score: float  # margin over the null score, in logits
    also_found_in: tuple[Place, ...]


@dataclass(frozen=True)
class Timings:
    """Milliseconds of each stage."""

    encode: float
    retrieve: float
    read: float
    total: float


@dataclass(frozen=True)
class Outcome:
    """All that one question gave; `answers` is empty where none is likely enough."""

    question: str
    answers: tuple[Answer, ...]
    no_answer_confidence: float
    passages_read: int
    state: CollectionState
    timings: Timings
    cached: bool = False  # whether the same question had been answered before, over the same documents


class QuestionAnswerer:
    """Retriever, reader and calibration, ready to answer over any collection of the same encoder."""

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        reader: Reader,
        calibration: Calibration,
        settings: Settings,
    ) -> None:
        self.name = name
        self.encoder = encoder
        self.reader = reader
        self.calibration = calibration
        self.settings = settings
        self._cache: LRUCache[Any, Outcome] = LRUCache(settings.cache)
        self._cache_lock = Lock()

    @classmethod
    def load(cls, settings: Settings) -> "QuestionAnswerer":
        """Load the models that the settings name; errors as of `load_artifact`."""
        artifact = load_artifact(settings.reader, "reader")
        calibration = Calibration(artifact.card.calibration)
        encoder = Encoder.load(settings.encoder, settings.threads)
        reader = open_reader(artifact, settings.threads)
        return cls(artifact.card.name, encoder, reader, calibration, settings)

    def ask(
        self,
        collection: Collection,
        question: str,
        *,
        top_k: int | None = None,
        passages: int | None = None,
        retriever: RetrieverName | None = None,
        filters: Mapping[str, Any] | None = None,
        min_confidence: float | None = None,
        budget_ms: float | None = None,
        early_exit: bool | None = None,
        per_document: int | None = None,
    ) -> Outcome:
        """Answer a question from a collection's documents; what is None comes from the settings.

        Passages are read in the order of their retrieval scores, and no further than `budget_ms` milliseconds after
        the call allow, but one at least. With `early_exit`, reading ends too once no passage that is left can change
        which answer comes first (see `Calibration.settled`). An answer that was given before is given again from the
        cache, for as long as the collection stays as it is.

        Raises:
            InvalidInput: the question is empty or too long, or the filters break a rule.
        """
        began = time.perf_counter()
        question = check_question(question)
        settings = self.settings
        passages, retriever = passages or settings.passages, retriever or settings.retriever
        top_k = top_k or settings.top_k
        min_confidence = settings.min_confidence if min_confidence is None else min_confidence
        budget_ms = settings.budget_ms if budget_ms is None else budget_ms
        early_exit = settings.early_exit if early_exit is None else early_exit
        per_document = per_document or settings.per_document
        filtered = json.dumps(filters, sort_keys=True, default=str)
        options = (question, passages, retriever, top_k, min_confidence, early_exit, per_document, filtered)
        generation = collection.state().generation
        key = (weakref.ref(collection), generation, *options)  # what is remembered keeps no deleted collection open
        with self._cache_lock:
            known = self._cache.get(key)
        if known is not None:
            return replace(known, timings=Timings(0, 0, 0, 1000 * (time.perf_counter() - began)), cached=True)

        retrieval = retrieve(
            collection, self.encoder, question, passages, retriever, filters, per_document=per_document
        )
        found = retrieval.passages
        reading = time.perf_counter()
        deadline = None if budget_ms is None else began + budget_ms / 1000
        judged = read_and_judge(
            self.reader,
            self.calibration,
            question,
            [r.passage.text for r in found],
            [(r.passage.document.id, r.passage.start) for r in found],
            [r.score for r in found],
            early_exit=early_exit,
            deadline=deadline,
        )
        shown = kept(judged.confidences, judged.no_answer_confidence, min_confidence)[:top_k]
        answers = tuple(_answer(judged.candidates[i], judged.confidences[i], found) for i in shown)
        read_ms = 1000 * (time.perf_counter() - reading)
        total_ms = 1000 * (time.perf_counter() - began)
        timings = Timings(retrieval.encode_ms, retrieval.retrieve_ms, read_ms, total_ms)
        outcome = Outcome(
            question, answers, judged.no_answer_confidence, judged.passages_read, retrieval.state, timings
        )
        lasting = judged.whole and retrieval.up_to_date and retrieval.state.generation == generation
        if settings.cache and lasting:
            with self._cache_lock:
                self._cache[key] = outcome
        return outcome


def check_question(question: str) -> str:
    """The question without surrounding white space.

    Raises:
        InvalidInput: nothing is left, it is longer than 2,000 characters, or it holds what is no character or no word.
    """
    question = question.strip()
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("the question holds half of a surrogate pair; ask in UTF-8") from error
    if not question or len(question) > LONGEST_QUESTION:
        raise InvalidInput(
            f"the question has {len(question)} characters; ask with 1 to {LONGEST_QUESTION} that are not white space"
        )
    if not words(question):
        raise InvalidInput("the question holds no letter and no digit; ask in words")
    return question


def _answer(candidate: Candidate, confidence: float, found: Sequence[Retrieved]) -> Answer:
    best = candidate.best
    in_copies = (copy for place in (best, *candidate.also) for copy in _in_copies(place, found[place.passage]))
    also = (*candidate.also, *in_copies)
    return Answer(candidate.text, confidence, best.start, best.end, found[best.passage], best.score, also)


def _in_copies(place: Place, retrieved: Retrieved) -> list[Place]:
    """Where a span stands in the copies of its passage, of which only those count that are equal to the letter."""
    passage = retrieved.passage
    start, end = place.start - passage.start, place.end - passage.start
    return [
        replace(place, document=copy.document.id, start=copy.start + start, end=copy.start + end)
        for copy in retrieved.copies
        if copy.text == passage.text
    ]
