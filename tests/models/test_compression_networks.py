"""Compression takes the networks of other families: without segments, with other special tokens, with long windows."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tokenizers import BertWordPieceTokenizer, Tokenizer, pre_tokenizers, processors, trainers  # noqa: E402
from tokenizers import models as tokenizer_models  # noqa: E402
from transformers import (  # noqa: E402
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForQuestionAnswering,
)

from models.artifact import load_artifact  # noqa: E402
from models.compression.compress import compress  # noqa: E402
from models.compression.export import load_reader  # noqa: E402
from models.compression.precision import Precision  # noqa: E402
from models.network import OnnxNetwork  # noqa: E402
from models.reader import open_reader  # noqa: E402
from models.training.restore import restore_reader  # noqa: E402
from store.errors import InvalidInput  # noqa: E402
from tests.models.tiny import vocabulary, write_questions  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)

PASSAGE = "The house is red. " * 60  # longer than the networks have positions


def save_distilbert(folder: Path) -> Path:
    """Two layers of DistilBERT, which has no segments."""
    words = vocabulary()
    config = DistilBertConfig(
        vocab_size=len(words), dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=128
    )
    DistilBertForQuestionAnswering(config).save_pretrained(folder)
    tokenizer = BertWordPieceTokenizer({word: i for i, word in enumerate(words)})._tokenizer
    save_tokenizer(tokenizer, folder, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]")
    return folder


def save_roberta(folder: Path) -> Path:
    """Two layers of RoBERTa: one segment, `<s> a </s></s> b </s>`, and positions counted from behind the padding's."""
    tokenizer = Tokenizer(tokenizer_models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(["the house is red"], trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    save_tokenizer(tokenizer, folder, cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>")
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=130,
        type_vocab_size=1,
        pad_token_id=1,
    )
    RobertaForQuestionAnswering(config).save_pretrained(folder)
    return folder


def save_tokenizer(tokenizer: Tokenizer, folder: Path, **special: str) -> None:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)  # type: ignore[no-untyped-call]
    fast.save_pretrained(folder)


@pytest.fixture(scope="module", params=[save_distilbert, save_roberta])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder: Path = request.param(tmp_path_factory.mktemp("networks"))
    return folder


def test_the_artifact_equals_pytorch(source: Path, tmp_path: Path) -> None:
    artifact = compress(str(source), "reader", tmp_path / "out", precision=Precision.fp32)
    original = load_reader(str(source))
    assert original.input_names == ["input_ids", "attention_mask"]
    network = OnnxNetwork(artifact.model_path, 1)
    for length in (3, 40, 128):
        ids = np.random.default_rng(length).integers(4, 70, size=length)
        with torch.inference_mode():
            expected = original(torch.from_numpy(ids[None]), torch.ones(1, length, dtype=torch.int64))
        (found,) = network.run([(ids, np.zeros_like(ids))])
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other[0].numpy(), atol=1e-3)


@pytest.mark.parametrize("precision", list(Precision))
def test_passages_longer_than_its_positions_are_read(source: Path, tmp_path: Path, precision: Precision) -> None:
    calibrate = write_questions(tmp_path / "questions.json") if precision is Precision.int8_static else None
    compress(str(source), "reader", tmp_path / "out", precision=precision, calibrate=calibrate)
    artifact = load_artifact(str(tmp_path / "out"), "reader")
    assert artifact.card.settings == {"max_length": 128}
    (spans,) = open_reader(artifact, 1).read("what colour is the house?", [PASSAGE])
    assert spans
    assert all(PASSAGE[span.start : span.end].strip() for span in spans)


def test_what_counts_positions_otherwise_is_not_restored(source: Path, tmp_path: Path) -> None:
    artifact = compress(str(source), "reader", tmp_path / "out", precision=Precision.fp32)
    with pytest.raises(InvalidInput, match="train from its source"):
        restore_reader(artifact, tmp_path / "restored")
