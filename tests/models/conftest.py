"""Tokenizers, small networks, and the report of an evaluation."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors, trainers
from tokenizers import models as tokenizer_models

from tests.models.evaluating import run
from tests.models.tiny import save_tiny_reader


@pytest.fixture(scope="session")
def roberta() -> Tokenizer:
    """A byte-level tokenizer with RoBERTa's template `<s> a </s></s> b </s>`."""
    tokenizer = Tokenizer(tokenizer_models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(["the lighthouse was built by the keeper of the house"] * 10, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), add_prefix_space=False)
    return tokenizer


@pytest.fixture(scope="session")
def tiny_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random two-layer BERT for question answering, in Hugging Face format."""
    pytest.importorskip("torch")
    return save_tiny_reader(tmp_path_factory.mktemp("tiny") / "reader")


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Training on one thread, since more wait for each other on a busy machine, and with a small pool of masks."""
    import torch

    import models.training.network

    monkeypatch.setattr(models.training.network, "POOL_ELEMENTS", 1 << 16)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs `lector evaluate retriever` and reads its report."""

    def evaluated(*arguments: object) -> dict[str, Any]:
        result = run(*arguments, "--json", tmp_path / "report.json")
        assert result.exit_code == 0, result.output
        read: dict[str, Any] = json.loads((tmp_path / "report.json").read_text("utf-8"))
        return read

    return evaluated
