"""From the spans of several passages to a list of answers: pure functions.

The same answer often stands in several passages, and overlapping passages show the same place twice. Both are merged:
one answer for each text, at its best place, with the other places beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.normalization import normalize_answer
from models.spans import Span


@dataclass(frozen=True)
class Place:
    """A span in its document: which of the retrieved passages, and code points [start, end) of the document's text."""

    passage: int  # index among the retrieved passages
    document: str
    start: int
    end: int
    score: float  # the reader's margin over its null score


@dataclass
class Candidate:
    """An answer's text at its best place, and its other places, best first."""

    text: str
    best: Place
    also: list[Place] = field(default_factory=list)

    @property
    def agreement(self) -> int:
        """In how many passages besides its own the answer was found."""
        return len({place.passage for place in self.also} - {self.best.passage})


def merge(
    texts: Sequence[str], documents: Sequence[tuple[str, int]], spans: Sequence[Sequence[Span]]
) -> list[Candidate]:
    """One candidate for each distinct answer, best first.

    Args:
        texts: the passages.
        documents: each passage's document id, and where the passage starts in its text.
        spans: each passage's spans.
    """
    places = [
        (Place(i, document, offset + span.start, offset + span.end, span.score), texts[i][span.start : span.end])
        for i, (document, offset) in enumerate(documents)
        for span in spans[i]
    ]
    places.sort(key=lambda p: (-p[0].score, p[0].passage, p[0].start))
    taken: dict[str, list[Place]] = {}
    candidates: dict[str, Candidate] = {}
    for place, text in places:
        if any(_overlap(place, other) for other in taken.get(place.document, [])):
            continue  # a worse cut of a place that is taken already, or the same place seen in another passage
        taken.setdefault(place.document, []).append(place)
        key = normalize_answer(text) or text
        if key in candidates:
            candidates[key].also.append(place)
        else:
            candidates[key] = Candidate(text, place)
    return list(candidates.values())


def _overlap(one: Place, other: Place) -> bool:
    return one.start < other.end and other.start < one.end
