"""Printed lines put together to running text: paragraphs found, hyphens at line ends undone, running titles dropped."""

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

Page = list["Line"]

LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
LEADERS = re.compile(r"(?:\s?\.){4,}\s?")  # the dots between a heading and its page in a table of contents
SENTENCE_END = re.compile(r"[.!?:;。！？…][\"'”’»)\]]*$")
BULLET = re.compile(r"[•‣▪■●○◦∙·–*-]\s|\(?(?:\d{1,3}|[a-z])[.)]\s")
LARGE_GAP = 1.3  # times the usual distance between lines: space was left, so a new paragraph starts
MAX_SPACING = 3.0  # times the letters' size; lines that are farther apart never belong together
SIZE_CHANGE = 0.12  # of the letters' size: from a heading to its text, or from the text to a footnote
INDENT = 0.8  # of the letters' size
SHORT_LINE = 40  # characters; the last line of a column or page is longer if its sentence goes on
EDGE = 2  # so many lines at the top and at the foot of a page may be running titles
MIN_REPEATS = 3  # what stands there on so many pages is one

PAGE_NUMBER = re.compile(r"\d{1,5}")
HYPHENATED = re.compile(r"[^\W\d_]-$")
COMPOUND = re.compile(r"\w+(?:-\w+)+")
# Chinese, Japanese and Thai do without spaces, at the end of a line too.
UNSPACED = re.compile("[\u0e00-\u0e7f\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")


@dataclass(frozen=True)
class Line:
    """A line of print, where it starts on its page and how large its letters are, in points from the lower left."""

    text: str
    x: float
    y: float
    size: float


def join(pages: Sequence[Page]) -> tuple[str, tuple[int, ...]]:
    """The pages' text, and where in it each page starts (one without text: where the next one does).

    Paragraphs are parted by an empty line; within one, line ends become spaces or, after a hyphen, nothing.
    """
    spacing = _usual_spacing(pages)
    text = _Text({word for page in pages for line in page for word in COMPOUND.findall(line.text)})
    starts: list[int | None] = []
    before: Line | None = None
    for page in pages:
        starts.append(None)
        for i, line in enumerate(page):
            part = LEADERS.sub(" ... ", " ".join(line.text.translate(LIGATURES).split())).strip()
            paragraph = before is not None and _starts_paragraph(before, line, spacing, turned=i == 0)
            start = text.add(part, paragraph)
            if starts[-1] is None:
                starts[-1] = start
            before = line
    return str(text), _filled(starts, len(text))


class _Text:
    """Text that grows at its end, and knows how long it is."""

    def __init__(self, compounds: Set[str]) -> None:
        self._compounds = compounds
        self._parts: list[str] = []
        self._length = 0

    def add(self, line: str, paragraph: bool) -> int:
        """Put a line at the end; returns its offset."""
        if self._parts:
            last = self._parts[-1]
            kept, glue = (last, "\n\n") if paragraph else _glued(last, line, self._compounds)
            self._parts[-1:] = [kept, glue]
            self._length += len(kept) - len(last) + len(glue)
        start = self._length
        self._parts.append(line)
        self._length += len(line)
        return start

    def __len__(self) -> int:
        return self._length

    def __str__(self) -> str:
        return "".join(self._parts)


def _glued(last: str, line: str, compounds: Set[str]) -> tuple[str, str]:
    """What stays of a line, and what stands between it and the next one of its paragraph.

    A hyphen goes where the next line starts in lower case, unless the document writes that word with one elsewhere.
    """
    if last.endswith("\xad"):
        return last[:-1], ""
    if HYPHENATED.search(last) and line[:1].islower():
        word = COMPOUND.search(last.split()[-1] + line.split()[0])
        return (last if word and word[0] in compounds else last[:-1]), ""
    if last.endswith("/") or (last.endswith("-") and last[-2:-1].isalnum()):
        return last, ""  # a path or a compound that was broken where it could be
    if UNSPACED.match(last[-1:]) and UNSPACED.match(line):
        return last, ""
    return last, " "


def _usual_spacing(pages: Sequence[Page]) -> float:
    """The median distance from a line to the next, in sizes of its letters."""
    gaps = [(a.y - b.y) / b.size for page in pages for a, b in pairwise(page) if b.size]
    return median([gap for gap in gaps if 0 < gap <= MAX_SPACING] or [MAX_SPACING])


def _starts_paragraph(before: Line, line: Line, spacing: float, turned: bool) -> bool:
    size = max(before.size, line.size)
    gap = before.y - line.y
    ended = SENTENCE_END.search(before.text.rstrip()) is not None
    if abs(before.size - line.size) > SIZE_CHANGE * size:
        return True
    if turned or gap < -size:  # at the top of another page or column
        return ended or len(before.text) < SHORT_LINE
    if gap > min(LARGE_GAP * spacing, MAX_SPACING) * size:
        return True
    if gap > 0 and BULLET.match(line.text.lstrip()):
        return True
    return ended and line.x - before.x > INDENT * size


def _filled(starts: list[int | None], end: int) -> tuple[int, ...]:
    filled = []
    for start in reversed(starts):
        end = end if start is None else start
        filled.append(end)
    return tuple(reversed(filled))


def without_running_titles(pages: Sequence[Page]) -> list[Page]:
    """The pages without what is printed at the head or foot of each: page numbers, and titles after the first time.

    They would stand in the middle of the sentences that go on from page to page.
    """
    edges = [{_signature(line, number) for line in page[:EDGE] + page[-EDGE:]} for number, page in enumerate(pages)]
    repeats = Counter(signature for edge in edges for signature in edge)
    seen = {""}  # a bare page number is dropped the first time too
    kept: list[Page] = []
    for number, page in enumerate(pages):
        kept.append([])
        for i, line in enumerate(page):
            title, offset = _signature(line, number)
            running = (i < EDGE or i >= len(page) - EDGE) and repeats[title, offset] >= MIN_REPEATS
            if not running or title not in seen:
                kept[-1].append(line)
            if running:
                seen.add(title)
    return kept


def _signature(line: Line, page: int) -> tuple[str, int | None]:
    """What stays the same from page to page: the words, and by how much the page's number differs from its index."""
    words = line.text.split()
    for at in (-1, 0):
        if words and PAGE_NUMBER.fullmatch(words[at]):
            return " ".join(words[1:] if at == 0 else words[:-1]), int(words[at]) - page
    return " ".join(words), None
