"""A service over two small documents, with the shipped models."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from indexer.job import index_files
from indexer.sources import find_files
from models.encoder import Encoder
from models.settings import Settings
from store.catalog import Catalog
from tests.progress import Counting

DOCUMENTS = {
    "lighthouse.txt": (
        "The lighthouse of Älvsborg 🗼\n\nThe lighthouse was built in 1873 by the engineer Gustaf von Heidenstam. "
        "It is 31 metres high. Its lamp was electrified in 1935, and the last keeper left the island in 1968."
    ),
    "bakery.md": (
        "# The bakery\n\nThe bakery on Mill Street opens at six in the morning. Its best known bread is a sourdough "
        "rye that rests for *twenty hours*. The baker, Marta Lindqvist, learned the craft in Vienna."
    ),
}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    """A data directory with the collection `default`."""
    folder = tmp_path_factory.mktemp("documents")
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    data = tmp_path_factory.mktemp("data")
    catalog = Catalog(data, encoder.identity)
    report = index_files(catalog.get("default", create=True), encoder, find_files([str(folder)]), Counting())
    catalog.close()
    assert report.indexed == len(DOCUMENTS), report
    return data


@pytest.fixture(scope="session")
def client(data: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(data=data)), raise_server_exceptions=False) as client:
        yield client
