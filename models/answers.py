"""From the spans of several passages to a list of answers: pure functions.

The same answer often stands in several passages, and overlapping passages show the same place twice. Both are merged:
one answer for each text, at its best place, with the other places beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.spans import Span

# An answer's words, without the quotation marks, brackets and punctuation around them and an article before them.
WORDS = re.compile(r"""[ "'(\[{“‘«„‚]*(?:(?:the|an|a) [ "'(\[{“‘«„‚]*)?(.*?)[ "')\]}”’».,;:!?…]*""")


@dataclass(frozen=True)
class Place:
    """A span in its document: which of the retrieved passages, and code points [start, end) of the document's text."""

    passage: int  # index among the retrieved passages
    document: str
    start: int
    end: int
    score: float  # the reader's margin over its null score
    coverage: float = 1.0  # share of the question that stands around it


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
        (
            Place(i, document, offset + span.start, offset + span.end, span.score, span.coverage),
            texts[i][span.start : span.end],
        )
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
        key = _same(text)
        if key in candidates:
            candidates[key].also.append(place)
        else:
            candidates[key] = Candidate(text, place)
    return list(candidates.values())


def _same(text: str) -> str:
    """What all texts of one answer share: its words, whatever their case.

    Not evaluation's normalisation, which drops all punctuation: "1.5 mg" is not "15 mg", nor "C++" "C#".
    """
    words = WORDS.fullmatch(" ".join(text.casefold().split()))
    return (words and words[1]) or text


def _overlap(one: Place, other: Place) -> bool:
    return one.start < other.end and other.start < one.end
