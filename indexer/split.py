"""A document's text cut into passages: what is embedded, searched and read.

A passage is a run of whole sentences of about so many words. Consecutive passages share some sentences, so that an
answer and what it refers to stand together in one of them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from indexer.sentences import Unit, units
from store.errors import InvalidInput

# Scripts without spaces: Thai to Khmer, Chinese and Japanese with their punctuation and full-width forms. A character
# counts as half a word; the marks that Thai puts above and below its letters count with the letter.
WIDE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3001-\u312f\u31f0-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff"
)
THAI_MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
# Of other scripts, up to 20 characters without a space are a word; what is longer is a path, a hash or a table's rule.
TOKEN = re.compile(rf"(?P<wide>[{WIDE}][{THAI_MARKS}]*)|[^\s{WIDE}]{{1,20}}")
WORD = re.compile(r"\S+")
OVERLAP_SLACK = 1.5  # "about": a sentence somewhat longer than the overlap is repeated rather than nothing


@dataclass(frozen=True)
class Passage:
    """text[start:end], in code points, without white space at either end."""

    start: int
    end: int
    heading: str = ""  # of the section that it goes on with; none where it begins with one


class Atom(NamedTuple):
    """What is not cut any further: a unit of the text, or a piece of one that is longer than a passage may be."""

    start: int
    end: int
    weight: int  # in half words
    heading: bool = False
    closes: bool = False  # a paragraph


def split(text: str, words: int = 100, overlap: int = 20, breaks: Sequence[int] = ()) -> list[Passage]:
    """Cut a text into passages of at most `words` words, which together hold every character but white space.

    A passage ends at a heading or else at a paragraph's end where there is one in its second half, and never with a
    heading that belongs to what follows. One that begins with a heading repeats nothing of the section before.

    Args:
        text: the document; in scripts without spaces two characters count as a word.
        words: the most words of a passage.
        overlap: about how many words a passage repeats from the one before; whole sentences only.
        breaks: offsets that no sentence crosses, such as where pages start; passages may.

    Raises:
        InvalidInput: not 0 <= overlap < words.
    """
    if not 0 <= overlap < words:
        raise InvalidInput(f"passages of {words} words with {overlap} words overlap; choose 0 <= overlap < words")
    atoms = [atom for unit in units(text, sorted(breaks)) for atom in _atoms(text, unit, 2 * words, 2 * overlap)]
    passages = []
    first = last = 0
    heading = ""
    while last < len(atoms):
        last = _end(atoms, first, last + 1, 2 * words)
        above = "" if atoms[first].heading else heading
        passages.append(Passage(atoms[first].start, atoms[last - 1].end, above))
        start = _next_start(atoms, first, last, 2 * words, 2 * overlap)
        headings = [atom for atom in atoms[first:start] if atom.heading]
        if headings:
            heading = text[headings[-1].start : headings[-1].end].splitlines()[0]
        first = start
    return passages


def _end(atoms: Sequence[Atom], first: int, at_least: int, limit: int) -> int:
    """Behind which atom the passage from `first` on ends best; it takes in those before `at_least` in any case."""
    stop, weight = first, 0
    while stop < len(atoms) and weight + atoms[stop].weight <= limit:
        weight += atoms[stop].weight
        stop += 1
    if stop == len(atoms):
        return stop
    paragraph = sentence = 0
    for end in range(stop, at_least - 1, -1):
        if 2 * weight < limit:
            break
        if not atoms[end - 1].heading:
            if atoms[end].heading:
                return end
            paragraph = paragraph or (end if atoms[end - 1].closes else 0)
            sentence = sentence or end
        weight -= atoms[end - 1].weight
    return paragraph or sentence or stop


def _next_start(atoms: Sequence[Atom], first: int, last: int, limit: int, overlap: int) -> int:
    """Where the next passage starts: before `last` by the overlap, as far as that leaves room for a new atom."""
    if last == len(atoms) or atoms[last].heading:
        return last
    room = min(int(OVERLAP_SLACK * overlap), limit - atoms[last].weight)
    start = last
    while start - 1 > first and atoms[start - 1].weight <= room:
        start -= 1
        room -= atoms[start].weight
        if atoms[start].heading:
            break
    return start


def _atoms(text: str, unit: Unit, limit: int, overlap: int) -> Iterator[Atom]:
    weight = _weight(text, unit.start, unit.end)
    if weight <= limit:
        yield Atom(unit.start, unit.end, weight, unit.heading, unit.closes)
        return
    # Pieces no larger than the overlap, so that passages overlap within a long unit as they do between short ones.
    pieces = list(_grouped(_parts(text, unit, overlap or limit), overlap or limit))
    yield from pieces[:-1]
    yield pieces[-1]._replace(closes=unit.closes)


def _parts(text: str, unit: Unit, limit: int) -> Iterator[Atom]:
    """The unit's words, and of words longer than the limit their tokens."""
    for word in WORD.finditer(text, unit.start, unit.end):
        weight = _weight(text, *word.span())
        if weight <= limit:
            yield Atom(*word.span(), weight)
        else:
            for token in TOKEN.finditer(text, *word.span()):
                yield Atom(*token.span(), 1 if token["wide"] else 2)


def _grouped(parts: Iterable[Atom], limit: int) -> Iterator[Atom]:
    group: Atom | None = None
    for part in parts:
        if group and group.weight + part.weight <= limit:
            group = Atom(group.start, part.end, group.weight + part.weight)
        else:
            if group:
                yield group
            group = part
    if group:
        yield group


def _weight(text: str, start: int, end: int) -> int:
    """How many half words stand in text[start:end]."""
    part = text[start:end]
    tokens = TOKEN.findall(part)
    return 2 * len(tokens) if part.isascii() else sum(1 if wide else 2 for wide in tokens)
