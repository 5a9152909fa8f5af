"""Questions asked of a whole corpus, as in service: retrieved passages, and some questions without an answer in it."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.answers import Candidate, merge
from models.confidence import standings
from models.encoder import Encoder
from models.evaluation.answers import best_over_references
from models.evaluation.squad import Question
from models.reader import Reader
from models.retrieval import retrieve
from store.collection import Collection
from store.records import NewDocument, NewPassage


@dataclass(frozen=True)
class Asked:
    """A question, the candidates that were found for it, and what the references say of them."""

    question: Question
    candidates: tuple[Candidate, ...]  # by falling margin
    f1: tuple[float, ...]  # of each candidate against the best reference; 0 where the corpus holds no answer
    standing: tuple[float, ...]  # of the retrieved passages, see models.confidence
    answerable: bool  # its context is in the corpus


def is_left_out(context: str, share: float) -> bool:
    """Whether a context is left out of the corpus; the same for the same text, about `share` of all."""
    return int.from_bytes(hashlib.sha256(context.encode()).digest()[:4]) < share * 2**32


def build_corpus(folder: Path, encoder: Encoder, questions: Sequence[Question], left_out: float) -> Collection:
    """A collection of the questions' contexts, each one passage, without the share that is left out."""
    collection = Collection(folder, encoder.identity)
    contexts = {q.context: q.title for q in questions if not is_left_out(q.context, left_out)}
    texts = list(contexts)
    embeddings = encoder.encode([f"{contexts[text]}\n{text}" for text in texts])
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
    questions: Sequence[Question],
    left_out: float,
    passages: int,
    track: Callable[[Iterable[Question]], Iterable[Question]] = iter,
) -> list[Asked]:
    """Retrieve and read for every question; `track` may wrap the loop into a progress bar."""
    asked = []
    for question in track(questions):
        found = retrieve(collection, encoder, question.text, passages).passages
        texts = [r.passage.text for r in found]
        spans = reader.read(question.text, texts)
        candidates = merge(texts, [(r.passage.document.id, r.passage.start) for r in found], spans)
        answerable = bool(question.answers) and not is_left_out(question.context, left_out)
        references = [text for _, text in question.answers]
        f1 = tuple(best_over_references(c.text, references)[1] if answerable else 0.0 for c in candidates)
        standing = tuple(standings([r.score for r in found]))
        asked.append(Asked(question, tuple(candidates), f1, standing, answerable))
    return asked
