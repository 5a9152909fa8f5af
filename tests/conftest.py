"""What all tests share: the shipped models, and no way to a hub."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

import pytest
from hypothesis import settings
from tokenizers import Tokenizer

from models.artifact import load_artifact
from models.encoder import Encoder
from models.reader import Reader, load_reader

settings.register_profile("lector", deadline=None)  # how long an example takes depends on what else runs
settings.load_profile("lector")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "asyncio: on Haystack's asynchronous contract tests, which anyio runs here")


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return Encoder.load("encoder", threads=2)


@pytest.fixture(scope="session")
def reader() -> Reader:
    return load_reader("base", threads=2)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """BERT's English tokenizer, as the shipped models use it."""
    return load_artifact("encoder", "encoder").tokenizer
