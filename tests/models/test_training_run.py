"""A whole training run of a tiny network: it learns, and goes on after a kill."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForQuestionAnswering, AutoTokenizer  # noqa: E402

from models.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from models.training.config import ReaderTraining, TrainingSet  # noqa: E402
from models.training.reader import train_reader  # noqa: E402
from store.errors import InvalidInput  # noqa: E402
from tests.models.tiny import THINGS, save_tiny_distilbert, write_questions  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parents[2]

RUN = """
import json, sys
from pathlib import Path
import torch
import models.training.network
from models.training.config import ReaderTraining
from models.training.reader import train_reader
torch.set_num_threads(1)
models.training.network.POOL_ELEMENTS = 1 << 16
train_reader(ReaderTraining.model_validate_json(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a question set, and one to tune on."""
    write_questions(tmp_path / "train.json")
    write_questions(tmp_path / "tune.json", THINGS[::-1])
    return tmp_path


def training(base: Path, passes: float, checkpoint_minutes: float = 5.0) -> ReaderTraining:
    return ReaderTraining(
        base=str(base),
        train=(TrainingSet(file=Path("train.json"), licence="CC0", passes=passes),),
        tune=(Path("tune.json"),),
        max_length=48,
        batch_tokens=512,
        learning_rate=5e-3,
        dropout=0.05,
        freeze_embeddings=False,
        precision="fp32",
        checkpoint_minutes=checkpoint_minutes,
        evaluate_steps=5,
        evaluate_questions=10,
    )


def test_a_run_learns_and_leaves_a_model_with_its_record(tiny_reader: Path, data: Path) -> None:
    config = training(tiny_reader, 30)
    scores = train_reader(config, data, data / "out")
    record = json.loads((data / "out" / "model" / "training.json").read_text())
    history = record["history"]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert scores == {"tune.json": history[-1]["tune.json"]}
    assert record["config"] == config.model_dump(mode="json")
    assert record["windows"] == 900
    assert record["precision"] == "float32"
    for file in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (data / "out" / "model" / file).is_file()
    assert train_reader(config, data, data / "out") == scores, "a finished run has nothing left to do"


def test_the_mean_of_the_last_steps_is_kept(tiny_reader: Path, data: Path) -> None:
    """With no decay the weights wander; their mean is not where the last step was."""
    config = training(tiny_reader, 6).model_copy(update={"final_rate": 1.0, "masked": 0.1})
    train_reader(config, data, data / "last")
    mean = config.model_copy(update={"average_from": 0.5})
    train_reader(mean, data, data / "mean")
    checkpoint = load_checkpoint(data / "mean" / "checkpoint.pt")
    assert checkpoint is not None
    steps = checkpoint["step"]
    assert int(checkpoint["averaged"]["n_averaged"]) == steps - steps // 2
    name = "bert.encoder.layer.0.output.dense.weight"
    last, kept = (load_file(data / run / "model" / "model.safetensors")[name] for run in ("last", "mean"))
    torch.testing.assert_close(last, checkpoint["network"][name])
    torch.testing.assert_close(kept, checkpoint["averaged"][f"module.{name}"])
    assert not torch.allclose(last, kept)


def test_hiding_tokens_needs_a_mask_token(tiny_reader: Path, data: Path) -> None:
    copied = data / "maskless"
    copied.mkdir()
    for file in tiny_reader.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    settings = json.loads((copied / "tokenizer_config.json").read_text())
    del settings["mask_token"]
    (copied / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(InvalidInput, match="has no mask token"):
        train_reader(training(copied, 1).model_copy(update={"masked": 0.1}), data, data / "out")


def test_a_killed_run_goes_on_to_the_same_number_of_steps(tiny_reader: Path, data: Path) -> None:
    config = training(tiny_reader, 25, checkpoint_minutes=1e-9)  # after every step
    out = data / "out"
    arguments = [sys.executable, "-c", RUN, config.model_dump_json(), str(data), str(out)]
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not (step := reached(out)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    killed = load_checkpoint(out / "checkpoint.pt")
    assert killed is not None
    assert not (out / "model").exists()
    before = json.loads(killed["history"])
    assert killed["step"] >= step > 0

    train_reader(config, data, out)
    done = load_checkpoint(out / "checkpoint.pt")
    assert done is not None
    history = json.loads(done["history"])
    assert killed["step"] < done["step"] == history[-1]["step"] == done["schedule"]["last_epoch"]
    assert history[: len(before)] == before
    assert history[-1]["loss"] < history[0]["loss"]
    assert done["seconds"] > killed["seconds"]
    assert (out / "model" / "model.safetensors").is_file()


def test_a_finished_run_is_taken_up_by_nothing_else(tiny_reader: Path, data: Path) -> None:
    config, out = training(tiny_reader, 1), data / "out"
    scores = train_reader(config, data, out)
    assert train_reader(config, data, out) == scores, "the same again is no other run"
    weights = (out / "model" / "model.safetensors").read_bytes()
    other = config.model_copy(update={"learning_rate": 1e-3, "seed": 2})
    with pytest.raises(InvalidInput, match="began with another data, learning_rate, seed"):
        train_reader(other, data, out)  # its seed shuffles the examples
    assert not list(out.glob("*.tmp"))
    with pytest.raises(InvalidInput, match="began with another teachers"):
        train_reader(config, data, out, [str(tiny_reader)])
    questions = json.loads((data / "train.json").read_text())
    del questions["data"][0]["paragraphs"][0]
    (data / "train.json").write_text(json.dumps(questions))
    with pytest.raises(InvalidInput, match="began with another data, and goes on only as it began"):
        train_reader(config, data, out)
    assert (out / "model" / "model.safetensors").read_bytes() == weights


def test_a_base_without_segments_is_trained_too(data: Path) -> None:
    base = save_tiny_distilbert(data / "distilbert")
    config = training(base, 25).model_copy(update={"layers": (0, 0), "masked": 0.05})
    train_reader(config, data, data / "out")
    history = json.loads((data / "out" / "model" / "training.json").read_text())["history"]
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    made = json.loads((data / "out" / "model" / "config.json").read_text())
    assert (made["model_type"], made["n_layers"], made["dropout"]) == ("distilbert", 2, 0.05)


def test_a_base_in_half_precision_is_trained_in_full(tiny_reader: Path, data: Path) -> None:
    half = data / "half"
    AutoModelForQuestionAnswering.from_pretrained(tiny_reader).half().save_pretrained(half)
    AutoTokenizer.from_pretrained(tiny_reader).save_pretrained(half)
    train_reader(training(half, 1), data, data / "out")
    made = load_file(data / "out" / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in made.values()} == {torch.float32}


def test_a_base_without_its_tokenizer_is_refused(tiny_reader: Path, data: Path) -> None:
    bare = data / "bare"
    AutoModelForQuestionAnswering.from_pretrained(tiny_reader).save_pretrained(bare)
    with pytest.raises(InvalidInput, match="has no tokenizer with words; save it beside the model"):
        train_reader(training(bare, 1), data, data / "out")


def test_windows_longer_than_the_base_reads_are_refused(tiny_reader: Path, data: Path) -> None:
    (chosen,) = (one.model_copy(update={"max_length": 200}) for one in training(tiny_reader, 1).train)
    config = training(tiny_reader, 1).model_copy(update={"train": (chosen,)})
    with pytest.raises(InvalidInput, match=r"max_length = 200: .* takes 128 tokens at most"):
        train_reader(config, data, data / "out")


def reached(out: Path) -> int:
    """The step of the checkpoint, once an evaluation lies behind it."""
    checkpoint = load_checkpoint(out / "checkpoint.pt")
    return int(checkpoint["step"]) if checkpoint and checkpoint["step"] >= 6 else 0


def test_a_checkpoint_is_whole_or_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    assert load_checkpoint(path) is None
    save_checkpoint(path, {"step": 1, "weights": torch.ones(3)})
    with pytest.raises(Exception, match="pickle"):
        save_checkpoint(path, {"step": 2, "bad": lambda: None})
    kept = load_checkpoint(path)
    assert kept is not None
    assert kept["step"] == 1
