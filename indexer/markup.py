"""A tree of HTML elements to plain text: what a reader of the page would see, block by block."""

import re
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

Element = Any  # lxml comes without types

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# fmt: off
PARAGRAPHS = HEADINGS | {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "details", "dialog", "dir", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "hr", "legend", "main",
    "menu", "nav", "ol", "p", "pre", "search", "section", "summary", "table", "ul",
}
# fmt: on
LINES = frozenset({"dd", "li"})
LISTS = frozenset({"ol", "ul"})
CELLS = frozenset({"td", "th"})
VERBATIM = frozenset({"listing", "pre", "xmp"})
EMPTY_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n)+")


def to_text(root: Element, keep_links: bool = True) -> str:
    """The text of an element: paragraphs parted by an empty line, list items and table rows one a line.

    List items start with "- " or their number, the cells of a row are parted by " | ", and preformatted text keeps its
    white space. Without `keep_links`, text inside links is left out.
    """
    writer = _Writer()
    counters: list[int] = []  # the last number given out, for each list that we are in
    links = verbatim = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        step = 1 if event == "start" else -1
        links += step * (element.tag == "a" and element.get("href") is not None)
        verbatim += step * (element.tag in VERBATIM)
        if event == "start":
            _start(writer, element, counters)
            text = element.text
        else:
            _end(writer, element.tag, counters)
            text = None if element is root else element.tail
        if text and (keep_links or not links):
            writer.write(text, verbatim > 0)
    return writer.text()


def _start(writer: "_Writer", element: Element, counters: list[int]) -> None:
    tag = element.tag
    if tag == "br":
        writer.newline()
    _break(writer, tag, nested=bool(counters))
    if tag in LISTS:
        start = element.get("start", "1")
        counters.append(int(start) - 1 if start.isdecimal() and len(start) < 10 else 0)
    elif tag == "li":
        parent = element.getparent()
        marker = "- "
        if parent is not None and parent.tag == "ol":
            counters[-1] += 1
            marker = f"{counters[-1]}. "
        writer.next_item(marker, first=element.getprevious() is None)
    elif tag in CELLS:
        writer.next_cell()


def _end(writer: "_Writer", tag: str, counters: list[int]) -> None:
    if tag in LISTS:
        counters.pop()
    _break(writer, tag, nested=bool(counters))


def _break(writer: "_Writer", tag: str, nested: bool) -> None:
    if tag == "tr":
        writer.next_row()
    elif tag in LINES or (tag in LISTS and nested):
        writer.end_line()
    elif tag in PARAGRAPHS:
        writer.end_paragraph()


class _Writer:
    """Collects text, and puts in the white space and the markers that belong between."""

    def __init__(self) -> None:
        self._fresh = False  # in a list item or cell that has no text yet: its first text stays on its line
        self._marker = ""  # to write before that text
        self._parts: list[str] = []
        self._newlines = 0  # to write before the next text
        self._space = False  # likewise
        self._row = 0  # parts written when the row began

    def newline(self) -> None:
        if not self._fresh:
            self._newlines = min(2, self._newlines + 1)

    def end_paragraph(self) -> None:
        if not self._fresh:
            self._newlines = 2

    def end_line(self) -> None:
        self._fresh, self._marker = False, ""
        self._newlines = max(1, self._newlines)

    def next_item(self, marker: str, first: bool) -> None:
        self._fresh, self._marker = True, marker
        if not first:  # no empty line between items, whatever they hold
            self._newlines = min(1, self._newlines)

    def next_row(self) -> None:
        self.end_line()
        self._row = len(self._parts)

    def next_cell(self) -> None:
        self._fresh = True
        if len(self._parts) > self._row:
            self._marker = " | "
            self._newlines = 0

    def write(self, text: str, verbatim: bool) -> None:
        if verbatim:
            words = text.lstrip("\n") if self._newlines else text
        else:
            words = " ".join(text.split())
            self._space |= text[0].isspace()
        if words:
            gap = "\n" * self._newlines or " " * (self._space and not self._marker)
            self._parts += [gap, self._marker, words]
            self._fresh, self._marker, self._newlines = False, "", 0
            self._space = not verbatim and text[-1].isspace()

    def text(self) -> str:
        return EMPTY_LINES.sub("\n\n", "".join(self._parts)).strip()
