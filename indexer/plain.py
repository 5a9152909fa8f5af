"""Plain text, reStructuredText included: kept as it is."""

from collections.abc import Iterator
from pathlib import Path

from indexer.converted import Converted
from indexer.decode import read_text, stem


def convert(path: Path) -> Iterator[Converted]:
    """The file's text without the white space around it."""
    yield Converted(text=read_text(path).strip(), title=stem(path))
