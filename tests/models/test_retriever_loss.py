"""The retriever's loss: its formula, cached gradients that are the same, and a teacher's margins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.training.bi_encoder import BiEncoder, load_bi_encoder  # noqa: E402
from models.training.pairs import Passage  # noqa: E402
from models.training.retriever_config import PairSet, RetrieverTraining  # noqa: E402
from models.training.retriever_loss import build_loss  # noqa: E402
from models.training.retriever_teacher import MarginTeachers, load_teacher  # noqa: E402
from store.errors import InvalidInput  # noqa: E402
from tests.models.tiny import save_tiny_cross_encoder, save_tiny_dpr  # noqa: E402

QUESTIONS = ["what is red?", "the blue boat?", "a"]
PASSAGES = ["the house is red", "the boat is blue", "the door"]
NEGATIVES = ["the boat is red", "the door is blue", "green"]


def settings(**changes: Any) -> RetrieverTraining:
    return RetrieverTraining(base="x", train=(PairSet(file=Path("a"), licence="CC0"),), **changes)


@pytest.fixture
def model(tiny_reader: Path) -> BiEncoder:
    return load_bi_encoder(str(tiny_reader)).eval()


@pytest.fixture
def pair(tmp_path: Path) -> BiEncoder:
    return load_bi_encoder(str(save_tiny_dpr(tmp_path))).eval()


def columns(model: BiEncoder) -> list[dict[str, Any]]:
    return [model.features("query", QUESTIONS), *(model.features("document", texts) for texts in (PASSAGES, NEGATIVES))]


def by_hand(model: BiEncoder, temperature: float) -> float:
    logits = model.encode_questions(QUESTIONS) @ model.encode([*PASSAGES, *NEGATIVES]).T / temperature
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return float(-np.log(np.diagonal(shifted / shifted.sum(1, keepdims=True))).mean())


def test_every_passage_of_the_batch_is_a_negative_of_every_other_question(model: BiEncoder, pair: BiEncoder) -> None:
    """Cosines by 0.05, inner products as they are (Karpukhin et al. 2020, equation 2)."""
    assert build_loss(model, settings())(columns(model), None).item() == pytest.approx(by_hand(model, 0.05), rel=1e-4)
    assert build_loss(pair, settings())(columns(pair), None).item() == pytest.approx(by_hand(pair, 1.0), rel=1e-4)
    warm = settings(temperature=0.5)
    assert build_loss(model, warm)(columns(model), None).item() == pytest.approx(by_hand(model, 0.5), rel=1e-4)


Gradients = Callable[[RetrieverTraining, Any], list[Any]]


@pytest.fixture
def gradients(model: BiEncoder) -> Gradients:
    def of(config: RetrieverTraining, labels: Any) -> list[Any]:
        model.zero_grad()
        build_loss(model, config)(columns(model), labels).backward()
        return [p.grad.clone() for p in model.parameters() if p.grad is not None]

    return of


@pytest.mark.parametrize("changes", [{}, {"dimensions": (8,)}])
def test_cached_gradients_are_the_same(gradients: Gradients, changes: dict[str, Any]) -> None:
    margins = torch.tensor([[1.0], [2.0], [-1.0]])
    direct, cached = (gradients(settings(mini_batch=size, **changes), margins) for size in (None, 2))
    assert len(direct) == len(cached) > 20
    for one, other in zip(direct, cached, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    other = gradients(settings(mini_batch=2), None)
    assert not all(torch.allclose(one, two, atol=1e-5) for one, two in zip(direct, other, strict=True))


def test_a_teachers_margins_are_learned_by_their_weight(model: BiEncoder) -> None:
    margins = torch.tensor([[1.0], [2.0], [-1.0]])
    questions = model.encode_questions(QUESTIONS)
    own = np.einsum("nd,nd->n", questions, model.encode(PASSAGES) - model.encode(NEGATIVES)) / 0.05
    error = float(np.mean((own - margins[:, 0].numpy()) ** 2))
    config = settings(distillation={"alpha": 0.3})
    expected = 0.7 * by_hand(model, 0.05) + 0.3 * error
    assert build_loss(model, config)(columns(model), margins).item() == pytest.approx(expected, rel=1e-3)


def test_dimensions_must_be_less_than_the_models_and_it_of_unit_length(model: BiEncoder, pair: BiEncoder) -> None:
    for one, dimensions in ((model, (32,)), (model, (0,)), (pair, (8,))):
        with pytest.raises(InvalidInput, match="only such of unit length can be cut"):
            build_loss(one, settings(dimensions=dimensions))


def test_teachers_of_any_kind_give_the_mean_of_their_margins(tiny_reader: Path, tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    cross = load_teacher(str(save_tiny_cross_encoder(tmp_path / "cross")), cpu)
    encoder = load_teacher("encoder", cpu)  # the artifact that is shipped
    own = load_teacher(str(tiny_reader), cpu)
    columns = [[Passage("", text) for text in texts] for texts in (PASSAGES, NEGATIVES)]
    alone = [MarginTeachers([teacher]).margins(QUESTIONS, columns) for teacher in (cross, encoder, own)]
    assert all(margins.shape == (3, 1) for margins in alone)
    assert alone[1][0].item() > 0, "the shipped encoder knows that a red house is red"
    both, mean = MarginTeachers([cross, encoder, own]), torch.stack(alone).mean(0)
    torch.testing.assert_close(both.margins(QUESTIONS, columns), mean)
    torch.testing.assert_close(both.margins(QUESTIONS[:1], [column[:1] for column in columns]), mean[:1])
    scores = cross(QUESTIONS[:2], columns[0][:2])
    assert alone[0][:2, 0].tolist() == pytest.approx((scores - cross(QUESTIONS[:2], columns[1][:2])).tolist(), abs=1e-5)
