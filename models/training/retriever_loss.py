"""What a retriever learns from: its batch's other passages, and a teacher's margins."""

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers.base.losses import CachedLossMixin
from sentence_transformers.base.losses.merged_forward import embed_columns
from sentence_transformers.sentence_transformer.losses import (
    MarginMSELoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.util import cos_sim, dot_score, pairwise_cos_sim, pairwise_dot_score
from torch import Tensor, nn

from models.training.bi_encoder import BiEncoder
from models.training.retriever_config import RetrieverTraining
from store.errors import InvalidInput


def default_temperature(cosine: bool) -> float:
    """What makes logits of cosines, or of inner products."""
    return 0.05 if cosine else 1.0


class RetrieverLoss(CachedLossMixin, nn.Module):
    """Cross-entropy over all passages of the batch, mixed with the squared error of margins where a teacher gives them.

    Similarities are divided by the temperature, so that margins are logits too. With a mini-batch the forward pass is
    made twice, and gradients of the embeddings are kept in between (Gao et al. 2021); the result is the same.
    """

    def __init__(self, model: BiEncoder, temperature: float, alpha: float, mini_batch: int | None) -> None:
        super().__init__()
        self.model = model
        self.alpha = alpha
        self.mini_batch_size = mini_batch or 1
        self.uses_gradient_cache = mini_batch is not None
        similarity, pairwise = (cos_sim, pairwise_cos_sim) if model.cosine else (dot_score, pairwise_dot_score)
        self.contrast = MultipleNegativesRankingLoss(model.model, 1 / temperature, similarity)
        self.margins = MarginMSELoss(model.model, lambda one, other: pairwise(one, other) / temperature)

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """The loss of embeddings, by column and mini-batch: questions, their passages, and hard negatives.

        Args:
            reps: each (mini-batch, dimension).
            labels: a teacher's margins (batch, hard negatives), in logits; None: there is no teacher.
            with_backward: whether to go backward to the embeddings at once.
        """
        columns = [torch.cat(column) for column in reps]
        loss = self.contrast.compute_loss_from_embeddings(columns, torch.empty(0))
        if labels is not None:
            loss = (1 - self.alpha) * loss + self.alpha * self.margins.compute_loss_from_embeddings(columns, labels)
        if with_backward:
            loss.backward()  # type: ignore[no-untyped-call]
            loss = loss.detach()
        return loss

    def forward(self, features: Iterable[dict[str, Any]], labels: Tensor | None) -> Tensor:
        """The loss of a batch, given as the features of its columns."""
        columns = list(features)
        if self.uses_gradient_cache:
            cached: Tensor = self.forward_cached(columns, labels)
            return cached
        return self.calculate_loss([[embeddings] for embeddings in embed_columns(self.model, columns)], labels)


def build_loss(model: BiEncoder, config: RetrieverTraining) -> nn.Module:
    """The loss that a configuration asks for, also over shorter embeddings where it names dimensions.

    Raises:
        InvalidInput: such a dimension does not fit the model.
    """
    temperature = config.temperature or default_temperature(model.cosine)
    loss = RetrieverLoss(model, temperature, config.distillation.alpha, config.mini_batch)
    if not config.dimensions:
        return loss
    own = model.get_embedding_dimension()
    if not model.cosine or not all(0 < dimension < own for dimension in config.dimensions):
        raise InvalidInput(
            f"dimensions = {list(config.dimensions)}: embeddings have {own}, and {'unit' if model.cosine else 'any'} "
            "length; only such of unit length can be cut, to less than they have"
        )
    return MatryoshkaLoss(model, loss, [own, *config.dimensions])  # type: ignore[arg-type]
