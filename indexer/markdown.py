"""Markdown to plain text, by way of the HTML that it stands for."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from indexer.converted import Converted
from indexer.decode import read_text, stem
from indexer.html import parse, title_of
from indexer.markup import to_text

# YAML between two lines of dashes at the top, as static site generators want it.
FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
LARGEST = 2**63  # no number of more than SQLite's 64 bits


def convert(path: Path) -> Iterator[Converted]:
    """The text without its markup, titled by its front matter or first heading; the front matter's rest is metadata."""
    from markdown_it import MarkdownIt

    source = read_text(path)
    front = FRONT_MATTER.match(source)
    meta = _front_matter(front[1] or "") if front else None
    if front and meta is not None:
        source = source[front.end() :]
    meta = meta or {}
    tree = parse(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(source))
    if tree is not None:
        title = str(meta.pop("title", "")) or title_of(tree) or stem(path)
        yield Converted(text=to_text(tree), title=title, meta=meta)


def _front_matter(source: str) -> dict[str, Any] | None:
    """What of it JSON can hold, dates as in ISO 8601, or None where it is no YAML of keys and values, but a ruler and
    text."""
    import yaml

    try:
        values = yaml.safe_load(source)
    except Exception:  # besides its own errors, it raises those of dates, numbers and tags that do not fit
        return None
    if not isinstance(values, dict):
        return None
    plain: dict[str, Any] = _plain(values)
    return plain


def _plain(value: Any) -> Any:
    """A value of YAML as one of JSON; None of what JSON does not know, which is left out of lists and objects."""
    match value:
        case dict():
            return {str(key): plain for key, one in value.items() if (plain := _plain(one)) is not None}
        case list():
            return [plain for one in value if (plain := _plain(one)) is not None]
        case date():
            return value.isoformat()
        case str() | bool():
            return value
        case int() | float():
            return value if abs(value) < LARGEST else None
    return None
