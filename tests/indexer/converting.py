"""What the tests of conversion share: write a file, convert it."""

from pathlib import Path

import pytest

from indexer.convert import Converted, convert
from store.errors import InvalidInput


def converted(path: Path, content: str | bytes) -> list[Converted]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(convert(path))


def text_of(path: Path, content: str | bytes) -> str:
    [document] = converted(path, content)
    return document.text


def refused(path: Path, content: str | bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        converted(path, content)
    assert str(path) in str(caught.value)
    return str(caught.value)
