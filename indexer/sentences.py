"""Where sentences, headings, list items and lines of tables start and end.

Rules rather than a model: they need no data, hold for every language that ends sentences with a mark, and take linear
time. Where they are in doubt about a full stop they leave the sentence whole, which only makes it longer.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Marks that end a sentence when white space follows (the possessive "++" keeps long runs linear), or without.
CLOSERS = "\"'”’»›)\\]}」』）】》"
ENDS = re.compile(rf"(?<![.!?…؟۔।॥])[.!?…؟۔।॥]++[{CLOSERS}]*+(?=\s)|[。！？｡．]++[{CLOSERS}]*+")
UNSPACED_ENDS = frozenset("。！？｡．")
OPENERS = "\"'“‘«‹([{¿¡„「『（*_"
NEXT_WORD = re.compile(rf"\s*[{re.escape(OPENERS)}]*(\w{{0,20}})")

LINE = re.compile("[^\n\f\u2028\u2029]+")
LIST_ITEM = re.compile(r"(?:[-*+•‣▪■●○◦–]|\(?(?:\d{1,3}|[A-Za-z])[.)])\s")
BULLET = re.compile(r"[-*+•‣▪■●○◦–]\s")
MARKDOWN_HEADING = re.compile(r"#{1,6}\s")
UNDERLINE = re.compile(r"([=\-~^\"*+#`:.'_])\1{2,}")
NOT_A_HEADING = re.compile(r"[.!?;,…؟۔।॥]$|[。！？｡．，]| \| ")
MAX_HEADING = 80  # characters
SHORT_LINE = 0.6  # of its paragraph's longest: a line that ends there was not broken by the margin

ENUMERATOR = re.compile(r"\s*[\[(]?(?:\d{1,3}|[A-Za-z])(?:\.\d{1,3})*\.")
NAME = re.compile(r"\S+")
INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]|\d{1,2}")
# Abbreviations that are never the last word of a sentence,
TITLES = frozenset(
    NAME.findall(
        "adm al approx brig bzw ca capt cf cmdr col d.h dr e.g esp fr gen gov hon i.e lt messrs mlle mme mr mrs ms mt "
        "p.ej pres prof rep resp rev sen sgt st supt u.a usw v vgl viz vs z.b jan feb mar apr jun jul aug sep sept oct "
        "nov dec"
    )
)
# those that are not when a number follows,
NUMBERED = frozenset(NAME.findall("art ch chap eq eqs fig figs no nos nr op p par pp sec sect vol vols"))
# and those that may be either: then a word that seldom follows a name decides.
UNSURE = frozenset(NAME.findall("bros co corp dept est etc inc jr ltd sr univ"))
STARTERS = frozenset(
    NAME.findall(
        "a after all also although an and as at because before both but by during each for from he her his how however "
        "i if in it its many most my no not of on one or our she since so some such that the their then there these "
        "they this those thus to two under until we what when where which while who why with you your"
    )
)


class Unit(NamedTuple):
    """text[start:end] without white space around it: a sentence, a heading, or a line that stands for itself."""

    start: int
    end: int
    heading: bool
    closes: bool  # it is the last one of its paragraph


def units(text: str, breaks: Sequence[int] = ()) -> Iterator[Unit]:
    """The text's units in order; together they hold every character of it but white space.

    Args:
        text: plain text; an empty line ends a paragraph.
        breaks: offsets in ascending order that no unit crosses.
    """
    for lines in _paragraphs(text):
        headings = _heading_lines(text, lines)
        found: list[Unit] = []
        if headings:
            found.append(Unit(lines[0][0], lines[headings - 1][1], heading=True, closes=False))
        for start, end in _runs(text, lines[headings:]):
            for begin, stop in _between(start, end, breaks):
                found += [Unit(a, b, heading=False, closes=False) for a, b in _sentences(text, begin, stop)]
        yield from found[:-1]
        yield found[-1]._replace(closes=True)


def _paragraphs(text: str) -> Iterator[list[tuple[int, int]]]:
    """Lines without the white space around them, those that follow each other without an empty one together."""
    lines: list[tuple[int, int]] = []
    line_end = -1
    for match in LINE.finditer(text):
        start, end = _trim(text, *match.span())
        adjoins = match.start() == line_end + 1 and text[line_end] == "\n"
        if lines and (start == end or not adjoins):
            yield lines
            lines = []
        if start < end:
            lines.append((start, end))
            line_end = match.end()
    if lines:
        yield lines


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    kept = part.strip()
    return (start + part.index(kept), start + part.index(kept) + len(kept)) if kept else (start, start)


def _heading_lines(text: str, lines: list[tuple[int, int]]) -> int:
    """How many of a paragraph's first lines are a heading: one, two where it is underlined, or none."""
    start, end = lines[0]
    if end - start > MAX_HEADING or BULLET.match(text, start, end):
        return 0
    if len(lines) > 1 and UNDERLINE.fullmatch(text, *lines[1]):
        return 2
    if MARKDOWN_HEADING.match(text, start, end):
        return 1
    line = text[start:end]
    return int(len(lines) == 1 and any(map(str.isalpha, line)) and not NOT_A_HEADING.search(line))


def _runs(text: str, lines: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs of lines that a sentence may go through: not from one list item, table row or verse to the next."""
    if not lines:
        return
    longest = max(end - start for start, end in lines)
    start, last = lines[0]
    previous = start
    for begin, end in lines[1:]:
        broken_short = last - previous < SHORT_LINE * longest and not text[begin].islower()
        if broken_short or LIST_ITEM.match(text, begin, end) or " | " in text[begin:end]:
            yield start, last
            start = begin
        previous, last = begin, end
    yield start, last


def _between(start: int, end: int, breaks: Sequence[int]) -> Iterator[tuple[int, int]]:
    at = bisect_right(breaks, start)
    while at < len(breaks) and breaks[at] < end:
        yield start, breaks[at]
        start = breaks[at]
        at += 1
    yield start, end


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin, end = _trim(text, start, end)
    for match in ENDS.finditer(text, begin, end):
        if _ends_sentence(text, begin, match, end):
            yield _trim(text, begin, match.end())
            begin = match.end()
    begin, end = _trim(text, begin, end)
    if begin < end:
        yield begin, end


def _ends_sentence(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    if match[0][0] in UNSPACED_ENDS:
        return True
    following = NEXT_WORD.match(text, match.end(), end)
    next_word = following[1] if following else ""
    if next_word[:1].islower():
        return False
    if match[0] != ".":
        return True
    if match.end() - begin < 16 and ENUMERATOR.fullmatch(text, begin, match.end()):
        return False
    word = text[max(begin, match.start() - 24) : match.start()].split()[-1:]
    return not word or _may_end(word[0].lstrip(OPENERS), next_word)


def _may_end(word: str, next_word: str) -> bool:
    """Whether a full stop between these two words is more than the sign of an abbreviation."""
    lower = word.lower()
    if lower in TITLES:
        return False
    if lower in NUMBERED and next_word[:1].isdecimal():
        return False
    if lower in UNSURE or INITIALS.fullmatch(word):
        return next_word.lower() in STARTERS
    return True
