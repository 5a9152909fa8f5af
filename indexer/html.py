"""HTML pages: the content without the navigation around it.

trafilatura knows best what on a page is content, but it is made for articles: of reference documentation it may drop
whole sections without a word. So its choice is compared with the text that the page's own structure shows, and where
prose is missing from it, or there is code to be kept, that text is taken.
"""

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]
from lxml import html as lxml_html

from indexer.converted import Converted
from indexer.decode import decode, read, stem
from indexer.markup import HEADINGS, Element, to_text

DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
UNSEEN = (
    "//head | //script | //style | //template | //noscript | //svg | //iframe | //object | //button | //select"
    " | //textarea | //*[(@hidden or @aria-hidden='true') and not(self::body)]"
)
NAVIGATION = "//nav | //*[@role='navigation' or @role='search' or @role='banner' or @role='contentinfo']"
# Inside the content these three are the author's; around it they are the site's.
FRAME = "//*[self::header or self::footer or self::aside][not(ancestor::main or ancestor::article)]"
# Written as such or as a reference, lxml takes these in but then refuses to move them about.
CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:x0*1?[0-9a-f]|0*(?:[12]?[0-9]|3[01]))(?:;|(?![0-9a-f]))",
    re.IGNORECASE,
)
MAIN = "//main | //*[@role='main']"

HTML_NAMES = {"head": "h2", "list": "ul", "item": "li", "quote": "blockquote", "row": "tr", "cell": "td", "lb": "br"}
WORD = re.compile(r"\w+")
MIN_PROSE = 60  # characters of a line; shorter ones are menus and captions as often as prose
MIN_KEPT = 0.97  # of the prose's words, by trafilatura


def convert(path: Path) -> Iterator[Converted]:
    """The page's content, titled by its <title> or first heading."""
    data = read(path)
    declared = DECLARED.search(data[:2048])
    tree = parse(decode(path, data, _python_codec(declared[1].decode() if declared else "")))
    if tree is not None:
        title = title_of(tree)
        _prune(tree)
        yield Converted(text=_content(tree), title=title or stem(path))


def parse(text: str) -> Element | None:
    """The page's tree without comments; None where there is nothing to parse."""
    # As bytes, because lxml refuses a string that declares an encoding; the parser is told to ignore what it declares.
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        return lxml_html.document_fromstring(CONTROL.sub(" ", text).encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:
        return None


def title_of(tree: Element) -> str:
    """What the page calls itself: its <title>, else its first heading, else ""."""
    for element in tree.iter("title", *sorted(HEADINGS)):
        if title := " ".join(element.text_content().split()):
            return title.rstrip("¶").rstrip()
    return ""


def _python_codec(declared: str) -> str:
    # Browsers read what claims to be Latin-1 or ASCII as Windows-1252 (WHATWG Encoding Standard), so authors write it.
    return "cp1252" if declared.lower() in {"iso-8859-1", "latin1", "us-ascii", "ascii"} else declared


def _prune(tree: Element) -> None:
    """Take out what is not content for certain."""
    # The signs that documentation tools put after a heading, to link to it: "¶", "#", "§".
    signs = [link for link in tree.iterfind(".//a[@href]") if link.text_content().strip() in {"¶", "#", "§"}]
    for element in [*tree.xpath(f"{UNSEEN} | {NAVIGATION} | {FRAME}"), *signs]:
        if element.getparent() is not None:
            element.drop_tree()


def _content(tree: Element) -> str:
    marked = tree.xpath(MAIN)
    main = marked[0] if len(marked) == 1 and _prose(marked[0]) else tree
    whole = to_text(main)
    if main.find(".//pre") is not None:  # trafilatura does not keep the lines of code
        return whole
    chosen = to_text(_chosen_by_trafilatura(main))
    if "\n" not in chosen and chosen not in whole.split("\n"):  # nor, of a short page, any lines
        return whole
    words, kept = _prose(main), _words(chosen)
    enough = words and (words & kept).total() >= MIN_KEPT * words.total()
    return chosen if enough else whole


def _chosen_by_trafilatura(tree: Element) -> Element:
    """What trafilatura takes for content, its TEI elements renamed to those of HTML."""
    from trafilatura import bare_extraction

    try:
        document = bare_extraction(deepcopy(tree), favor_recall=True, include_tables=True, include_comments=False)
    except RecursionError:  # at lists within lists within lists
        document = None
    body = etree.Element("body") if document is None or isinstance(document, dict) else document.body
    for element in body.iter(*HTML_NAMES):
        element.tag = HTML_NAMES[element.tag]
    return body


def _prose(tree: Element) -> Counter[str]:
    """The words of headings, and of lines that are long enough to be prose or code, links left out."""
    lines = [line for line in to_text(tree, keep_links=False).split("\n") if len(line) >= MIN_PROSE]
    return _words("\n".join([*lines, *(heading.text_content() for heading in tree.iter(*HEADINGS))]))


def _words(text: str) -> Counter[str]:
    return Counter(WORD.findall(text))
