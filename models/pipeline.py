"""The way of a question: encode, retrieve, read, merge, judge."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.answers import Candidate, Place, merge
from models.artifact import load_artifact
from models.confidence import Calibration, kept, standings
from models.encoder import Encoder
from models.reader import Reader, open_reader
from models.retrieval import Retrieved, RetrieverName, retrieve
from models.settings import Settings
from store.collection import Collection, CollectionState
from store.errors import InvalidInput

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
    state: CollectionState
    timings: Timings


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
    ) -> Outcome:
        """Answer a question from a collection's documents; what is None comes from the settings.

        Raises:
            InvalidInput: the question is empty or too long, or the filters break a rule.
        """
        began = time.perf_counter()
        question = check_question(question)
        settings = self.settings
        retrieval = retrieve(
            collection,
            self.encoder,
            question,
            passages or settings.passages,
            retriever or settings.retriever,
            filters,
        )
        reading = time.perf_counter()
        found = retrieval.passages
        texts = [r.passage.text for r in found]
        spans = self.reader.read(question, texts)
        candidates = merge(texts, [(r.passage.document.id, r.passage.start) for r in found], spans)
        confidences, no_answer = self.calibration.judge(candidates, standings([r.score for r in found]))
        least = settings.min_confidence if min_confidence is None else min_confidence
        shown = kept(confidences, no_answer, least)[: top_k or settings.top_k]
        answers = tuple(_answer(candidates[i], confidences[i], found[candidates[i].best.passage]) for i in shown)
        read_ms = 1000 * (time.perf_counter() - reading)
        state = collection.state()
        total_ms = 1000 * (time.perf_counter() - began)
        timings = Timings(retrieval.encode_ms, retrieval.retrieve_ms, read_ms, total_ms)
        return Outcome(question, answers, no_answer, state, timings)


def check_question(question: str) -> str:
    """The question without surrounding white space.

    Raises:
        InvalidInput: nothing is left, or it is longer than 2,000 characters.
    """
    question = question.strip()
    if not question or len(question) > LONGEST_QUESTION:
        raise InvalidInput(
            f"the question has {len(question)} characters; ask with 1 to {LONGEST_QUESTION} that are not white space"
        )
    return question


def _answer(candidate: Candidate, confidence: float, retrieved: Retrieved) -> Answer:
    best = candidate.best
    return Answer(candidate.text, confidence, best.start, best.end, retrieved, best.score, tuple(candidate.also))
