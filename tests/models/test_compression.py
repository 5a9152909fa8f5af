"""Compression: the artifact computes what the PyTorch model computes, and int8 is smaller."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from transformers import AutoModel, AutoModelForQuestionAnswering  # noqa: E402

from app.cli import cli  # noqa: E402
from models.artifact import CARD, MODEL, TOKENIZER, Artifact, Kind, load_artifact  # noqa: E402
from models.compression.compress import compress  # noqa: E402
from models.compression.export import Exportable, load_reader, pooled_encoder  # noqa: E402
from models.compression.gate import Gate  # noqa: E402
from models.compression.precision import Precision  # noqa: E402
from models.encoder import Encoder  # noqa: E402
from models.evaluation.reader import predict, score  # noqa: E402
from models.evaluation.squad import read_squad, spread  # noqa: E402
from models.network import OnnxNetwork  # noqa: E402
from models.reader import open_reader  # noqa: E402
from models.training.bi_encoder import load_bi_encoder  # noqa: E402
from store.errors import InvalidInput, NotFound  # noqa: E402
from tests.models.tiny import write_questions  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)

ROWS = [np.random.default_rng(n).integers(5, 70, size=n) for n in (3, 17, 40, 1)]


Compressed = Callable[[Kind, Precision], Artifact]
INT8 = [precision for precision in Precision if precision is not Precision.fp32]


@pytest.fixture(scope="module")
def compressed(tiny_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Compressed:
    """Compresses the tiny model, each way once."""
    folder = tmp_path_factory.mktemp("compressed")
    questions = write_questions(folder / "questions.json")
    made: dict[tuple[Kind, Precision], Artifact] = {}

    def get(kind: Kind, precision: Precision) -> Artifact:
        if (kind, precision) not in made:
            out = folder / f"{kind}-{precision}"
            calibrate = questions if precision is Precision.int8_static else None
            compress(str(tiny_reader), kind, out, precision=precision, calibrate=calibrate, licence="CC0")
            made[kind, precision] = load_artifact(str(out), kind)
        return made[kind, precision]

    return get


def load_tower(source: str) -> Exportable:
    return pooled_encoder(load_bi_encoder(source).modules_of("document"))


@pytest.mark.parametrize("kind", ["reader", "encoder"])
def test_the_fp32_artifact_equals_pytorch(compressed: Compressed, tiny_reader: Path, kind: Kind) -> None:
    artifact = compressed(kind, Precision.fp32)
    network = OnnxNetwork(artifact.model_path, 1)
    original = load_reader(str(tiny_reader)) if kind == "reader" else load_tower(str(tiny_reader))
    for ids in ROWS:
        types = (np.arange(len(ids)) > 4).astype(np.int64)
        inputs = [torch.from_numpy(array[None]) for array in (ids, np.ones_like(ids), types)]
        with torch.inference_mode():
            expected = original(*inputs)
        expected = expected if kind == "reader" else (expected,)
        (found,) = network.run([(ids, types)])
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other[0].numpy(), atol=1e-3)


@pytest.mark.parametrize("precision", INT8)
@pytest.mark.parametrize("kind", ["reader", "encoder"])
def test_int8_is_smaller_and_close(compressed: Compressed, kind: Kind, precision: Precision) -> None:
    small, large = compressed(kind, precision), compressed(kind, Precision.fp32)
    assert small.card.bytes[MODEL] < large.card.bytes[MODEL]
    assert (small.card.precision, large.card.precision) == (precision.label, "fp32")
    row = (ROWS[2], np.zeros_like(ROWS[2]))
    one, other = (np.concatenate(OnnxNetwork(a.model_path, 1).run([row])[0], axis=None) for a in (small, large))
    assert np.corrcoef(one, other)[0, 1] > 0.95


def operators(artifact: Artifact) -> list[str]:
    return [node.op_type for node in onnx.load(str(artifact.model_path)).graph.node]


def test_each_precision_has_its_operators(compressed: Compressed) -> None:
    dynamic = operators(compressed("reader", Precision.int8_dynamic))
    assert dynamic.count("QAttention") == 2
    assert dynamic.count("MatMulInteger") == 7
    static = operators(compressed("reader", Precision.int8_static))
    assert "DynamicQuantizeLinear" not in static
    # what goes into each layer's four kinds of products and into the last, and three embeddings
    assert static.count("QuantizeLinear") == 12
    assert operators(compressed("reader", Precision.int8_weight_only)).count("MatMulNBits") == 13


def test_the_graph_takes_no_mask(compressed: Compressed) -> None:
    for kind in ("reader", "encoder"):
        graph = onnx.load(str(compressed(kind, Precision.int8_dynamic).model_path)).graph
        assert [node.name for node in graph.input] == ["input_ids", "token_type_ids"]


def test_additions_are_not_fused_into_layer_norms(compressed: Compressed) -> None:
    for precision in Precision:
        found = operators(compressed("reader", precision))
        assert (found.count("Sum"), found.count("LayerNormalization")) == (5, 5)


@pytest.mark.parametrize("precision", INT8)
def test_compressed_models_can_be_used(compressed: Compressed, precision: Precision) -> None:
    (spans,) = open_reader(compressed("reader", precision)).read("What colour is the house?", ["The house is red."])
    assert spans
    embeddings = Encoder(compressed("encoder", precision)).encode(["red house", "blue door"])
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    assert embeddings.shape == (2, 32)


def test_the_card_says_where_the_model_comes_from(compressed: Compressed, tiny_reader: Path) -> None:
    card = compressed("encoder", Precision.fp32).card
    assert (card.kind, card.base, card.licence, card.settings) == (
        "encoder",
        str(tiny_reader),
        "CC0",
        {"dimension": 32, "max_length": 128},
    )
    assert compressed("reader", Precision.fp32).card.settings == {"max_length": 128}
    folder = compressed("encoder", Precision.fp32).folder
    assert sorted(path.name for path in folder.iterdir()) == [CARD, MODEL, TOKENIZER]
    assert not list(folder.parent.glob(".*"))


def test_what_does_not_fit_is_said_before_any_work(tiny_reader: Path, tmp_path: Path) -> None:
    questions, out = write_questions(tmp_path / "questions.json"), tmp_path / "out"
    source = str(tiny_reader)
    with pytest.raises(InvalidInput, match="--calibrate FILE"):
        compress(source, "reader", out, precision=Precision.int8_static)
    with pytest.raises(InvalidInput, match="--calibrate is for int8-static; int8-dynamic finds"):
        compress(source, "reader", out, calibrate=questions)
    with pytest.raises(NotFound, match="is no source"):
        compress(source, "encoder", out, gate=Gate((questions.with_suffix(".txt"),)))
    with pytest.raises(NotFound, match="absent"):
        compress(source, "reader", out, gate=Gate((tmp_path / "absent.json",)))
    with pytest.raises(InvalidInput, match="is a file"):
        compress(source, "reader", questions)
    with pytest.raises(InvalidInput, match="base is an artifact"):
        compress("base", "reader", out)
    assert not out.exists()


@pytest.mark.parametrize("config", [{}, {"model_type": "vit"}, {"model_type": "bert"}])
def test_what_is_no_reader_is_refused(config: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidInput, match=r"is no question-answering model; is it an encoder\?"):
        compress(str(tmp_path), "reader", tmp_path / "out")


def test_an_encoder_and_a_model_without_words_are_no_readers(tiny_reader: Path, tmp_path: Path) -> None:
    for name, kind in (("encoder", AutoModel), ("bare", AutoModelForQuestionAnswering)):
        kind.from_pretrained(tiny_reader).save_pretrained(tmp_path / name)
    with pytest.raises(InvalidInput, match=r"is it an encoder\? It has no qa_outputs\.bias"):
        compress(str(tmp_path / "encoder"), "reader", tmp_path / "out")
    with pytest.raises(InvalidInput, match="has no tokenizer with words"):
        compress(str(tmp_path / "bare"), "reader", tmp_path / "out")


def test_a_reader_that_passes_its_gate_says_so_in_its_card(tiny_reader: Path, tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "questions.json")
    gate = Gate((questions, questions), max_f1_loss=100, questions=5)
    card = compress(str(tiny_reader), "reader", tmp_path / "out", gate=gate).card
    assert card == load_artifact(str(tmp_path / "out"), "reader").card
    assert card.metrics["gate_questions"] == 10
    reader = open_reader(load_artifact(str(tmp_path / "out"), "reader"))
    measured = score(predict(reader, spread(read_squad(questions), 5)), 0.0)
    assert card.metrics["gate_f1"] == measured["f1"]
    assert 0 <= card.metrics["gate_fp32_f1"] <= 100


def test_a_reader_that_loses_too_much_leaves_what_was_there(
    tiny_reader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions, out = write_questions(tmp_path / "questions.json"), tmp_path / "out"
    compress(str(tiny_reader), "reader", out, precision=Precision.fp32)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    worse = {"gate_questions": 30, "gate_fp32_f1": 80.0, "gate_f1": 79.4}
    monkeypatch.setattr(Gate, "measure", lambda *_: worse)
    arguments = ["compress", str(tiny_reader), "--out", str(out), "--gate", str(questions)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert "F1 falls by 0.60 points, from 80.00 to 79.40; at most 0.50 are allowed" in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert CliRunner().invoke(cli, [*arguments, "--max-f1-loss", "0.7"]).exit_code == 0
    assert load_artifact(str(out), "reader").card.metrics == worse
