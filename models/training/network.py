"""The reader's network for training: a BERT-like encoder with a span head, made fast on two CPU cores.

Profiling showed two hot spots on a CPU. `scaled_dot_product_attention` in bf16 spends ten times longer in its forward
than three plain matrix products do; and Bernoulli sampling for dropout takes a fifth of a step. Both are replaced here,
on the CPU only. Together they train 1.6 times as many tokens a second.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForQuestionAnswering
from transformers.masking_utils import sdpa_mask

ATTENTION = "lector_matmul"
POOL_ELEMENTS = 1 << 24


class PooledDropout(nn.Module):
    """Dropout whose masks are slices, at random places, of one large mask that is drawn once.

    Two draws may share elements at other positions; what dropout needs is that no unit can rely on another, and for
    that it is enough. A slice costs nothing where a fresh Bernoulli mask costs as much as a matrix product.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.pool = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if self.pool.numel() < 2 * x.numel() or self.pool.dtype != x.dtype:
            kept = torch.rand(max(POOL_ELEMENTS, 2 * x.numel())) >= self.p
            self.pool = kept.to(x.dtype) / (1 - self.p)
        at = int(torch.randint(self.pool.numel() - x.numel() + 1, ()))
        return x * self.pool[at : at + x.numel()].view(x.shape)


def matmul_attention(
    _module: nn.Module,
    query: Tensor,  # (batch, heads, length, head size)
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: Any,  # further arguments of transformers' attention interface that do not concern an encoder
) -> tuple[Tensor, None]:
    """Attention as three matrix products and a softmax, all in the inputs' own precision."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = torch.matmul(query * scale, key.transpose(-1, -2))  # (batch, heads, length, length)
    if attention_mask is not None:
        if attention_mask.dtype == torch.bool:
            attention_mask = torch.where(attention_mask, 0.0, -1e4).to(scores.dtype)
        scores = scores + attention_mask
    weights = torch.softmax(scores, dim=-1, dtype=scores.dtype)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), None


def load_network(base: str, dropout: float, freeze_embeddings: bool, device: torch.device) -> nn.Module:
    """A question-answering network on a pre-trained encoder; its span head is new where `base` has none."""
    on_cpu = device.type == "cpu"
    if on_cpu:
        AttentionInterface.register(ATTENTION, matmul_attention)
        AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    network: nn.Module = AutoModelForQuestionAnswering.from_pretrained(
        base,
        attn_implementation=ATTENTION if on_cpu else "sdpa",
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,  # above 0 it leaves sdpa's fast path, and gains nothing here
    )
    if on_cpu:
        _replace_dropout(network)
    if freeze_embeddings:
        for name, parameter in network.named_parameters():
            if "embeddings" in name:
                parameter.requires_grad = False
    return network.to(device)


def _replace_dropout(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Dropout):
            setattr(module, name, PooledDropout(child.p))
        else:
            _replace_dropout(child)
