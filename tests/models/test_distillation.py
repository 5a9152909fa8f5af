"""Distillation: the losses by hand, students made of their teachers' layers, and a whole run."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModel, AutoTokenizer  # noqa: E402

from models.training.config import Distillation, ReaderTraining, TrainingSet  # noqa: E402
from models.training.distillation import SoftTargets, Teachers, attention_loss, hidden_loss, soft_loss, soften  # noqa: E402
from models.training.examples import Example, collate  # noqa: E402
from models.training.network import SpanOutput, forward, freeze_embeddings, keep_layers, load_network  # noqa: E402
from models.training.reader import train_reader  # noqa: E402
from models.windows import Window  # noqa: E402
from store.errors import InvalidInput  # noqa: E402
from tests.models.tiny import THINGS, save_tiny_reader, write_questions  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def output(start: list[float], end: list[float]) -> SpanOutput:
    return SpanOutput(torch.tensor([start]), torch.tensor([end]))


def test_an_ensemble_teaches_the_mean_of_its_softened_distributions() -> None:
    one, other = output([0.0, 2 * math.log(3)], [0.0, 0.0]), output([0.0, 0.0], [0.0, 0.0])
    targets = soften([one, other], temperature=2.0)
    torch.testing.assert_close(targets.start, torch.tensor([[(0.25 + 0.5) / 2, (0.75 + 0.5) / 2]]))
    torch.testing.assert_close(targets.end, torch.tensor([[0.5, 0.5]]))


def test_the_soft_loss_is_the_divergence_times_the_temperature_squared() -> None:
    targets = SoftTargets(torch.tensor([[0.25, 0.75]]), torch.tensor([[0.5, 0.5]]), ())
    student = output([0.0, 0.0], [1.0, 1.0])
    divergence = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    for temperature in (1.0, 2.0, 5.0):
        expected = torch.tensor(temperature**2 * divergence / 2)  # the end's divergence is 0
        torch.testing.assert_close(soft_loss(student, targets, temperature), expected)
    same = output([0.0, math.log(3)], [0.0, 0.0])
    torch.testing.assert_close(soft_loss(same, soften([same], 1.0), 1.0), torch.tensor(0.0))


def test_positions_that_no_one_may_choose_do_not_disturb_the_soft_loss() -> None:
    student, teacher = output([0.0, 0.0, -1e4], [0.0, 0.0, -1e4]), output([0.0, 1.0, -1e4], [0.0, 1.0, -1e4])
    short = soft_loss(output([0.0, 0.0], [0.0, 0.0]), soften([output([0.0, 1.0], [0.0, 1.0])], 2.0), 2.0)
    torch.testing.assert_close(soft_loss(student, soften([teacher], 2.0), 2.0), short)


def test_hidden_states_are_compared_with_evenly_spaced_layers_of_the_teacher() -> None:
    def states(values: list[float]) -> tuple[Any, ...]:
        return tuple(torch.full((1, 3, 2), value) for value in values)

    nothing = torch.zeros(1, 3)
    student = SpanOutput(nothing, nothing, states([0, 1, 2]))
    targets = SoftTargets(nothing, nothing, states([0, 9, 1, 9, 4]))  # of four layers: the second and the fourth count
    mask = torch.tensor([[1, 1, 0]])
    torch.testing.assert_close(hidden_loss(student, targets, mask), torch.tensor(4 / 3))
    targets.hidden[2][0, 2] = 100  # padding
    torch.testing.assert_close(hidden_loss(student, targets, mask), torch.tensor(4 / 3))


def test_a_student_is_made_of_its_teachers_layers(tiny_reader: Path) -> None:
    whole, student = load_network(str(tiny_reader), 0.0, CPU), load_network(str(tiny_reader), 0.0, CPU)
    keep_layers(student, [1])
    kept = student.get_parameter("bert.encoder.layer.0.output.dense.weight")
    assert torch.equal(kept, whole.get_parameter("bert.encoder.layer.1.output.dense.weight"))
    assert sum("output.LayerNorm.bias" in name for name, _ in student.named_parameters()) == 2
    with pytest.raises(InvalidInput, match=r"layers = \[0, 2\]: the base has the layers 0 to 1"):
        keep_layers(load_network(str(tiny_reader), 0.0, CPU), [0, 2])


def test_frozen_embeddings_are_not_trained(tiny_reader: Path) -> None:
    network = load_network(str(tiny_reader), 0.0, CPU)
    freeze_embeddings(network)
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert trained
    assert not any("embeddings" in name for name in trained)


def test_teachers_say_the_same_of_a_window_in_every_batch(tiny_reader: Path) -> None:
    def example(first: int, length: int) -> Example:
        ids = np.arange(first, first + length)
        return Example(Window(ids, np.ones(length, dtype=np.int64), 2, 0, length - 3), 0, 0)

    network = load_network(str(tiny_reader), 0.0, CPU).eval()
    teachers = Teachers([network], Distillation(temperature=3.0), CPU, torch.float32)
    short, long, other = example(5, 8), example(9, 14), example(20, 11)
    for examples in ([short, long], [other, short], [long], [short, long, other, short]):
        batch = collate(examples, pad_id=0)
        targets = teachers.targets(examples, batch)
        expected = soften([forward(network, batch, CPU, torch.float32)], 3.0)
        torch.testing.assert_close(targets.start, expected.start, atol=1e-3, rtol=1e-2)
        torch.testing.assert_close(targets.end, expected.end, atol=1e-3, rtol=1e-2)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_questions(tmp_path / "train.json")
    write_questions(tmp_path / "tune.json", THINGS[::-1])
    return tmp_path


def training(base: Path, passes: float, **settings: Any) -> ReaderTraining:
    chosen = TrainingSet(file=Path("train.json"), licence="CC0", passes=passes)
    given: dict[str, Any] = {
        "max_length": 48,
        "batch_tokens": 512,
        "learning_rate": 5e-3,
        "dropout": 0.0,
        "precision": "fp32",
    }
    return ReaderTraining(base=str(base), train=(chosen,), freeze_embeddings=False, **(given | settings))


def test_the_last_attention_is_compared_head_by_head_where_a_token_looks() -> None:
    teacher, student = torch.full((1, 2, 3, 3), 1 / 3), torch.full((1, 2, 3, 3), 1 / 3)
    mask = torch.tensor([[1, 1, 0]])
    torch.testing.assert_close(attention_loss(student, teacher, mask), torch.tensor(0.0))
    teacher[0, 1, 0] = torch.tensor([0.5, 0.5, 0.0])
    student[0, 0, 2] = torch.tensor([1.0, 0.0, 0.0])  # padding looks; no one cares
    divergence = math.log(0.5 * 3)
    torch.testing.assert_close(attention_loss(student, teacher, mask), torch.tensor(divergence / 4))


@pytest.mark.parametrize("hidden", [0.0, 0.1])
def test_a_run_distils_a_smaller_student(tiny_reader: Path, data: Path, hidden: float) -> None:
    settings = Distillation(temperature=2.0, alpha=1.0, hidden=hidden, attention=hidden)  # alpha 1: no look at labels
    config = training(tiny_reader, 20, layers=(0,), distillation=settings, tune=(Path("tune.json"),), evaluate_steps=2)
    train_reader(config, data, data / "student", [str(tiny_reader), str(tiny_reader)])
    record = json.loads((data / "student" / "model" / "training.json").read_text())
    assert record["teachers"] == [str(tiny_reader)] * 2
    assert record["flops"] > 0
    assert json.loads((data / "student" / "model" / "config.json").read_text())["num_hidden_layers"] == 1
    losses = [entry["loss"] for entry in record["history"]]
    assert losses[-1] < losses[0] / 2, "half of a random network follows the whole"


def test_a_distillation_without_a_teacher_is_refused(tiny_reader: Path, data: Path) -> None:
    with pytest.raises(InvalidInput, match=r"has a section \[distillation\]; name a --teacher"):
        train_reader(training(tiny_reader, 1, distillation=Distillation(alpha=1.0)), data, data / "out")


def test_a_teacher_without_a_span_head_is_refused(tiny_reader: Path, data: Path) -> None:
    headless = data / "headless"
    AutoModel.from_pretrained(tiny_reader).save_pretrained(headless)
    AutoTokenizer.from_pretrained(tiny_reader).save_pretrained(headless)
    with pytest.raises(InvalidInput, match=r"It has no qa_outputs\.bias, qa_outputs\.weight"):
        train_reader(training(tiny_reader, 1), data, data / "out", [str(headless)])


def test_a_teacher_with_other_tokens_is_refused(tiny_reader: Path, data: Path, tmp_path: Path) -> None:
    other = save_tiny_reader(tmp_path / "other")
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["zebra"] = vocabulary.pop("boat")
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(InvalidInput, match="another vocabulary"):
        train_reader(training(tiny_reader, 1), data, data / "out", [str(other)])


def test_teachers_of_another_shape_are_refused(tiny_reader: Path, data: Path, tmp_path: Path) -> None:
    other = save_tiny_reader(tmp_path / "wide", hidden_size=48)
    config = training(tiny_reader, 1).model_copy(update={"distillation": Distillation(hidden=1.0)})
    heads = config.model_copy(update={"distillation": Distillation(attention=1.0)})
    many = save_tiny_reader(tmp_path / "many", num_attention_heads=4)
    with pytest.raises(InvalidInput, match=r"has 4 heads and .* 2, so the two cannot be compared"):
        train_reader(heads, data, data / "out", [str(many)])
    with pytest.raises(InvalidInput, match=r"has 48 dimensions and .* 32, so the two cannot be compared"):
        train_reader(config, data, data / "out", [str(other)])
