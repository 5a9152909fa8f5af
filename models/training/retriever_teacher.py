"""Teachers of a retriever: cross-encoders, or other bi-encoders, whose margins the student is to have too."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder
from torch import Tensor, nn
from transformers import AutoConfig

from models.artifact import is_artifact
from models.encoder import Encoder, TextEncoder
from models.training.bi_encoder import load_bi_encoder
from models.training.pairs import Passage
from models.training.retriever_loss import default_temperature
from models.training.source import locate_base

Scores = NDArray[np.float32]  # (pairs,), in logits
Teacher = Callable[[Sequence[str], Sequence[Passage]], Scores]  # of each question with the passage beside it


class MarginTeachers:
    """How much better than its hard negatives a passage answers its question, to the mean of all teachers.

    A question comes by with the same passage in every pass, and the teachers say the same of it each time, so their
    scores are kept (Hofstätter et al. 2021).
    """

    def __init__(self, teachers: Sequence[Teacher]) -> None:
        self._teachers = teachers
        self._known: dict[tuple[str, Passage], float] = {}

    def margins(self, questions: Sequence[str], columns: Sequence[Sequence[Passage]]) -> Tensor:
        """Margins (questions, hard negatives) in logits; the first column holds the passages that answer."""
        asked = [pair for column in columns for pair in zip(questions, column, strict=True)]
        new = list(dict.fromkeys(pair for pair in asked if pair not in self._known))
        if new:
            of, passages = zip(*new, strict=True)
            scores = np.mean([teacher(of, passages) for teacher in self._teachers], axis=0)
            self._known |= dict(zip(new, map(float, scores), strict=True))
        scored = torch.tensor([self._known[pair] for pair in asked]).view(len(columns), len(questions))
        return (scored[0] - scored[1:]).T


def load_teacher(name: str, device: torch.device) -> Teacher:
    """A teacher: an encoder's artifact, a cross-encoder, or a bi-encoder, by name or directory."""
    if is_artifact(name):
        encoder = Encoder.load(name)
        return bi_encoder_teacher(encoder, _scale(encoder.settings.normalize))
    base = locate_base(name)
    if _is_cross_encoder(base):
        return cross_encoder_teacher(CrossEncoder(base, device=str(device)))
    model = load_bi_encoder(base, attention="sdpa").to(device)
    return bi_encoder_teacher(model, _scale(model.cosine))


def bi_encoder_teacher(encoder: TextEncoder, scale: float) -> Teacher:
    """Inner products, scaled to logits."""

    def scores(questions: Sequence[str], passages: Sequence[Passage]) -> Scores:
        asked = encoder.encode_questions(questions)
        shown = encoder.encode([p.text for p in passages], [p.title for p in passages])
        return np.asarray(scale * np.einsum("nd,nd->n", asked, shown), dtype=np.float32)

    return scores


def cross_encoder_teacher(model: CrossEncoder) -> Teacher:
    """Logits of a network that reads question and passage together."""

    def scores(questions: Sequence[str], passages: Sequence[Passage]) -> Scores:
        pairs = [(q, f"{p.title}\n{p.text}" if p.title else p.text) for q, p in zip(questions, passages, strict=True)]
        found = model.predict(pairs, activation_fn=nn.Identity(), show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(found, dtype=np.float32).reshape(len(pairs))

    return scores


def _scale(cosine: bool) -> float:
    return 1 / default_temperature(cosine)


def _is_cross_encoder(base: str) -> bool:
    if Path(base).is_dir() and not (Path(base) / "config.json").is_file():
        return False  # a Router's directory or a DPR pair
    names = AutoConfig.from_pretrained(base).architectures or []
    return any(name.endswith("ForSequenceClassification") for name in names)
