"""Questions asked of a whole corpus, as in service: retrieved passages, and some questions without an answer in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.answers import Candidate, merge
from models.confidence import standings
from models.encoder import Encoder
from models.evaluation.answers import best_over_references
from models.evaluation.squad import Question, in_share
from models.reader import Reader
from models.retrieval import retrieve
from models.spans import Span
from store.collection import Collection
from store.records import NewDocument, NewPassage


@dataclass(frozen=True)
class Asked:
    """A question, the passages that were retrieved and the spans read in them, and what the references say of these."""

    question: Question
    texts: tuple[str, ...]  # of the passages, by falling retrieval score
    places: tuple[tuple[str, int], ...]  # each passage's document, and where it starts in its text
    standing: tuple[float, ...]  # of each passage, see models.confidence
    spans: tuple[list[Span], ...]  # of each passage
    as_read: tuple[list[Span], ...]  # the same before a closer look
    answerable: bool  # its context is in the corpus

    def after(self, read: int) -> list[Candidate]:
        """The candidates by falling margin, once so many passages are read, before a closer look."""
        return merge(self.texts[:read], self.places[:read], self.as_read[:read])

    @cached_property
    def candidates(self) -> list[Candidate]:
        return merge(self.texts, self.places, self.spans)

    @cached_property
    def f1(self) -> list[float]:
        """Of each candidate against the best reference; 0 where the corpus holds no answer."""
        references = [text for _, text in self.question.answers]
        return [best_over_references(c.text, references)[1] if self.answerable else 0.0 for c in self.candidates]


def build_corpus(folder: Path, encoder: Encoder, questions: Sequence[Question], left_out: float) -> Collection:
    """A collection of the questions' contexts, each one passage, without the share that is left out."""
    collection = Collection(folder, encoder.identity)
    contexts = {q.context: q.title for q in questions if q.context.strip() and not _absent(q.context, left_out)}
    texts = list(contexts)
    embeddings = encoder.encode(texts, [contexts[text] for text in texts])
    collection.write(
        [
            NewDocument(
                id=str(number), text=text, title=contexts[text], passages=(NewPassage(0, len(text), embedding),)
            )
            for number, (text, embedding) in enumerate(zip(texts, embeddings, strict=True))
        ]
    )
    return collection


def ask_all(
    collection: Collection,
    encoder: Encoder,
    reader: Reader,
    questions: Iterable[Question],
    left_out: float,
    passages: int,
) -> list[Asked]:
    """Retrieve and read so many passages for every question."""
    asked = []
    for question in questions:
        found = retrieve(collection, encoder, question.text, passages).passages
        texts = tuple(r.passage.text for r in found)
        places = tuple((r.passage.document.id, r.passage.start) for r in found)
        standing = tuple(standings([r.score for r in found]))
        readings = list(reader.stream(question.text, texts))
        spans, as_read = tuple(reader.look_closer(readings)), tuple(reading.spans for reading in readings)
        answerable = bool(question.answers) and not _absent(question.context, left_out)
        asked.append(Asked(question, texts, places, standing, spans, as_read, answerable))
    return asked


def _absent(context: str, left_out: float) -> bool:
    """Whether a context is of the share that is left out of the corpus."""
    return in_share(context, left_out, "corpus")
