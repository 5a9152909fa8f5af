"""Compression: the artifact computes what the PyTorch model computes, and int8 is smaller."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.artifact import MODEL, Artifact, Kind, load_artifact  # noqa: E402
from models.compression.compress import compress  # noqa: E402
from models.compression.export import load_encoder, load_reader  # noqa: E402
from models.encoder import Encoder  # noqa: E402
from models.network import OnnxNetwork  # noqa: E402
from models.reader import open_reader  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)

ROWS = [np.random.default_rng(n).integers(5, 70, size=n) for n in (3, 17, 40, 1)]


@pytest.fixture(scope="module")
def compressed(tiny_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind, bool], Artifact]:
    """Compresses the tiny model, each way once."""
    folder = tmp_path_factory.mktemp("compressed")
    made: dict[tuple[Kind, bool], Artifact] = {}

    def get(kind: Kind, int8: bool) -> Artifact:
        if (kind, int8) not in made:
            out = folder / f"{kind}-{'int8' if int8 else 'fp32'}"
            compress(str(tiny_reader), kind, out, int8=int8, licence="CC0")
            made[kind, int8] = load_artifact(str(out), kind)
        return made[kind, int8]

    return get


@pytest.mark.parametrize("kind", ["reader", "encoder"])
def test_the_fp32_artifact_equals_pytorch(
    compressed: Callable[[Kind, bool], Artifact], tiny_reader: Path, kind: Kind
) -> None:
    artifact = compressed(kind, False)
    network = OnnxNetwork(artifact.model_path, 1)
    original = load_reader(str(tiny_reader)) if kind == "reader" else load_encoder(str(tiny_reader))
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


@pytest.mark.parametrize("kind", ["reader", "encoder"])
def test_int8_is_smaller_and_close(compressed: Callable[[Kind, bool], Artifact], kind: Kind) -> None:
    small, large = compressed(kind, True), compressed(kind, False)
    assert small.card.bytes[MODEL] < large.card.bytes[MODEL]
    assert (small.card.precision, large.card.precision) == ("int8 dynamic", "fp32")
    row = (ROWS[2], np.zeros_like(ROWS[2]))
    one, other = (np.concatenate(OnnxNetwork(a.model_path, 1).run([row])[0], axis=None) for a in (small, large))
    assert np.corrcoef(one, other)[0, 1] > 0.95


def test_compressed_models_can_be_used(compressed: Callable[[Kind, bool], Artifact]) -> None:
    (spans,) = open_reader(compressed("reader", True)).read("What colour is the house?", ["The house is red."])
    assert spans
    embeddings = Encoder(compressed("encoder", True)).encode(["red house", "blue door"])
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    assert embeddings.shape == (2, 32)


def test_the_card_says_where_the_model_comes_from(
    compressed: Callable[[Kind, bool], Artifact], tiny_reader: Path
) -> None:
    card = compressed("encoder", False).card
    assert (card.kind, card.base, card.licence, card.settings) == (
        "encoder",
        str(tiny_reader),
        "CC0",
        {"dimension": 32},
    )
    assert not list(compressed("encoder", False).folder.glob("tmp*"))


def test_a_training_record_goes_into_the_card(tiny_reader: Path, tmp_path: Path) -> None:
    record = {
        "config": {
            "base": "somebody/base",
            "train": [{"file": "a.json", "licence": "CC0", "passes": 2.0}],
            "max_length": 64,
            "doc_stride": 32,
            "max_answer_tokens": 9,
        }
    }
    path = tiny_reader / "training.json"
    path.write_text(json.dumps(record))
    try:
        compress(str(tiny_reader), "reader", tmp_path / "out", int8=False)
    finally:
        path.unlink()
    card = load_artifact(str(tmp_path / "out"), "reader").card
    assert card.base == "somebody/base"
    assert [(t.name, t.licence, t.passes) for t in card.trained_on] == [("a.json", "CC0", 2.0)]
    assert card.settings == {"max_length": 64, "doc_stride": 32, "max_answer_tokens": 9}
    assert card.training == record
