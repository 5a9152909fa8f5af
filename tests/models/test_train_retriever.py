"""A whole training run of a tiny bi-encoder: it learns, with one network or two, and goes on after a kill."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from app.cli import cli  # noqa: E402
from models.compression.compress import compress  # noqa: E402
from models.compression.precision import Precision  # noqa: E402
from models.encoder import Encoder  # noqa: E402
from models.training.bi_encoder import load_bi_encoder  # noqa: E402
from models.training.checkpoint import load_checkpoint  # noqa: E402
from models.training.retriever import train_retriever  # noqa: E402
from models.training.retriever_config import HardNegatives, PairSet, RetrieverTraining, TuningSource  # noqa: E402
from models.training.soup import make_soup  # noqa: E402
from store.errors import InvalidInput  # noqa: E402
from tests.models.tiny import save_tiny_cross_encoder, save_tiny_reader, write_pairs  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings(
        "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
    ),
]

ROOT = Path(__file__).parents[2]

RUN = """
import sys
from pathlib import Path
import torch
import models.training.network
from models.training.retriever import train_retriever
from models.training.retriever_config import RetrieverTraining
torch.set_num_threads(1)
models.training.network.POOL_ELEMENTS = 1 << 16
train_retriever(RetrieverTraining.model_validate_json(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with pairs, and some to try."""
    write_pairs(tmp_path)
    return tmp_path


def training(base: Path, passes: float, **changes: Any) -> RetrieverTraining:
    return RetrieverTraining(
        **{
            "base": str(base),
            "train": (PairSet(file=Path("pairs.jsonl"), licence="CC0", passes=passes),),
            "tune": (TuningSource(source=Path("colours")),),
            "batch_size": 6,
            "learning_rate": 5e-3,
            "dropout": 0.05,
            "freeze_embeddings": False,
            "precision": "fp32",
            "evaluate_steps": 40,
            **changes,
        }
    )


def test_a_run_learns_and_leaves_a_model_with_its_record(tiny_reader: Path, data: Path) -> None:
    config = training(tiny_reader, 12, evaluate_steps=10)
    scores = train_retriever(config, data, data / "out")
    record = json.loads((data / "out" / "model" / "training.json").read_text())
    before, after = record["history"][0], record["history"][-1]
    assert before["step"] == 0
    assert 40 <= after["step"] <= 12 * 24 // 6
    assert after["loss"] < 0.7 * record["history"][1]["loss"]
    assert after["colours ndcg@10"] > before["colours ndcg@10"] + 30, "of codes that it was not trained on"
    assert after["colours recall@10"] == 100
    assert scores == {name: after[name] for name in ("colours ndcg@10", "colours recall@10")}
    assert record["config"] == config.model_dump(mode="json")
    assert (record["questions"], record["passages"]) == (6 * after["step"], 24)
    assert record["precision"] == "float32"
    assert train_retriever(config, data, data / "out") == scores, "a finished run has nothing left to do"


def test_each_network_learns_for_itself_with_cached_gradients(tiny_reader: Path, data: Path) -> None:
    negatives = HardNegatives(count=2, depth=4, refresh_steps=12, refresh_passages=12)
    config = training(tiny_reader, 8, shared=False, mini_batch=4, negatives=negatives, dimensions=(16,))
    train_retriever(config, data, data / "out")
    history = json.loads((data / "out" / "model" / "training.json").read_text())["history"]
    assert history[-1]["colours ndcg@10"] > history[0]["colours ndcg@10"] + 10
    assert len(list((data / "out").glob("negatives-*.npy"))) == 3
    model = load_bi_encoder(str(data / "out" / "model"))
    assert model.separate
    text = ["the house is red"]
    assert float((model.encode_questions(text) @ model.encode(text).T).item()) < 0.99


def test_questions_are_trained_beside_passages_that_stay(tiny_reader: Path, data: Path) -> None:
    """From training over the mean with the base to an artifact; what was indexed with the first one can be asked."""
    indexed = compress(str(tiny_reader), "encoder", data / "indexed")
    negatives = HardNegatives(count=3, depth=6, refresh_steps=12)
    config = training(
        tiny_reader, 12, shared=False, keep_passages=str(indexed.folder), negatives=negatives, evaluate_steps=12
    )
    train_retriever(config, data, data / "out")
    history = json.loads((data / "out" / "model" / "training.json").read_text())["history"]
    assert history[-1]["loss"] < 0.8 * history[1]["loss"]
    make_soup([str(tiny_reader), str(data / "out" / "model")], [1, 3], data / "soup", "encoder")
    base, trained, soup = (
        load_bi_encoder(str(path)) for path in (tiny_reader, data / "out/model", data / "soup/model")
    )
    text = ["the house is red"]
    np.testing.assert_allclose(trained.encode(text), base.encode(text), atol=1e-6)
    similarities = [(base.encode_questions(text) @ model.encode_questions(text).T).item() for model in (trained, soup)]
    assert similarities[0] < similarities[1] < 1

    compress(str(data / "soup" / "model"), "encoder", data / "made", keep_passages=str(indexed.folder))
    before, after = Encoder(indexed, 1), Encoder.load(str(data / "made"), 1)
    assert after.identity == before.identity
    assert (after.encode(text) == before.encode(text)).all()
    np.testing.assert_allclose(after.encode_questions(text), soup.encode_questions(text), atol=0.05)


def test_passages_are_kept_only_beside_what_they_can_be_compared_with(tiny_reader: Path, data: Path) -> None:
    indexed = compress(str(tiny_reader), "encoder", data / "indexed", precision=Precision.fp32)
    with pytest.raises(InvalidInput, match="network of its own for questions"):
        compress(str(tiny_reader), "encoder", data / "made", keep_passages=str(indexed.folder))
    pair = load_bi_encoder(str(tiny_reader), shared=False, title_separator=" | ")
    pair.save(data / "pair")
    with pytest.raises(InvalidInput, match=r"different title_separator \(' \| ' for '\\n'\)"):
        compress(str(data / "pair"), "encoder", data / "made", keep_passages=str(indexed.folder))
    wide = save_tiny_reader(data / "wide", hidden_size=64)
    with pytest.raises(InvalidInput, match=r"keep_passages names an encoder of .* dimensions, and the base has 64"):
        train_retriever(training(wide, 1, shared=False, keep_passages=str(indexed.folder)), data, data / "out")
    with pytest.raises(ValidationError, match="set shared = false, and no mini_batch"):
        training(tiny_reader, 1, keep_passages=str(indexed.folder))


def test_a_killed_run_goes_on_with_the_same_plan(tiny_reader: Path, data: Path) -> None:
    negatives = HardNegatives(refresh_steps=10)
    config = training(tiny_reader, 8, checkpoint_minutes=1e-9, evaluate_steps=10, dropout=0.0, negatives=negatives)
    out = data / "out"
    arguments = [sys.executable, "-c", RUN, config.model_dump_json(), str(data), str(out)]
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while reached(out) < 12 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    killed = load_checkpoint(out / "checkpoint.pt")
    assert killed is not None
    assert killed["step"] >= 12
    assert not (out / "model").exists()

    train_retriever(config, data, out)
    train_retriever(config, data, data / "whole")
    one, other = (load_bi_encoder(str(data / name / "model")).state_dict() for name in ("out", "whole"))
    for name, weight in other.items():
        torch.testing.assert_close(one[name], weight, rtol=1e-4, atol=1e-6)
    one, other = (json.loads((data / name / "model" / "training.json").read_text()) for name in ("out", "whole"))
    assert [entry["step"] for entry in one["history"]] == [entry["step"] for entry in other["history"]]
    assert one["history"][-1]["step"] > killed["step"]


def reached(out: Path) -> int:
    checkpoint = load_checkpoint(out / "checkpoint.pt")
    return int(checkpoint["step"]) if checkpoint else 0


def test_a_student_comes_to_its_teachers_margins(tiny_reader: Path, data: Path) -> None:
    teacher = str(save_tiny_cross_encoder(data / "teacher"))
    config = training(tiny_reader, 10, distillation={"alpha": 1.0}, evaluate_steps=20)
    train_retriever(config, data, data / "out", [teacher])
    record = json.loads((data / "out" / "model" / "training.json").read_text())
    assert record["teachers"] == [teacher]
    assert record["history"][-1]["loss"] < 0.8 * record["history"][1]["loss"]


def test_training_goes_on_from_an_artifact_and_tells_of_it(tiny_reader: Path, data: Path) -> None:
    made = compress(str(tiny_reader), "encoder", data / "artifact", precision=Precision.fp32)
    train_retriever(training(made.folder, 0.5, learning_rate=1e-9), data, data / "out")
    record = json.loads((data / "out" / "model" / "training.json").read_text())
    assert record["base_card"]["base"] == str(tiny_reader)
    texts = ["the house is red", "what is blue?"]
    model, encoder = load_bi_encoder(str(data / "out" / "model")), Encoder(made, 1)
    np.testing.assert_allclose(model.encode(texts), encoder.encode(texts), atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "teachers", "named"),
    [
        ({"negatives": HardNegatives(count=0)}, ["x"], "set negatives.count to 1 or more"),
        ({"max_length": 200}, [], "max_length = 200: .* takes 128 tokens at most"),
        ({"batch_size": 25}, [], "fill no batch of 25"),
        ({"negatives": HardNegatives(count=30)}, [], "too few wrong passages"),
    ],
)
def test_what_does_not_fit_is_said(
    tiny_reader: Path, data: Path, changes: dict[str, Any], teachers: list[str], named: str
) -> None:
    with pytest.raises(InvalidInput, match=named):
        train_retriever(training(tiny_reader, 1, **changes), data, data / "out", teachers)


def test_the_command_names_what_it_cannot_do(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('base = "x"\n')
    arguments = ["train", "retriever", "--config", str(tmp_path / "c.toml"), "--data", ".", "--out", str(tmp_path)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "lector train retriever: " in result.stderr
    assert "train = " in result.stderr
