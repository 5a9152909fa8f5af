"""An empty collection."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.collection import Collection
from tests.store.made import ENCODER


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    opened = Collection(tmp_path / "letters", ENCODER)
    yield opened
    opened.close()
