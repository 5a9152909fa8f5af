"""The reader's network for training: a BERT-like encoder with a span head, made fast on two CPU cores.

Profiling showed two hot spots on a CPU. `scaled_dot_product_attention` in bf16 spends ten times longer in its forward
than three plain matrix products do; and Bernoulli sampling for dropout takes a fifth of a step. Both are replaced here,
on the CPU only. Together they train 1.6 times as many tokens a second.
"""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, AutoConfig, AutoModelForQuestionAnswering
from transformers.masking_utils import sdpa_mask

from models.compression.export import has_segments, load_spans
from models.training.examples import Batch
from store.errors import InvalidInput

ATTENTION = "lector_matmul"
POOL_ELEMENTS = 1 << 24
OUTSIDE = -1e4  # logit of positions where an answer cannot lie


class SpanOutput(NamedTuple):
    """What a network says of a batch."""

    start: Tensor  # (batch, length) logits in fp32, positions outside the passage pushed far down
    end: Tensor  # (batch, length)
    hidden: tuple[Tensor, ...] = ()  # each (batch, length, hidden size): the embeddings', then each layer's output
    attention: Tensor | None = None  # (batch, heads, length, length) of the last layer: each row a distribution


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
) -> tuple[Tensor, Tensor]:
    """Attention as three matrix products and a softmax, all in the inputs' own precision; and its weights."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = torch.matmul(query * scale, key.transpose(-1, -2))  # (batch, heads, length, length)
    if attention_mask is not None:
        if attention_mask.dtype == torch.bool:
            attention_mask = torch.where(attention_mask, 0.0, -1e4).to(scores.dtype)
        scores = scores + attention_mask
    weights = torch.softmax(scores, dim=-1, dtype=scores.dtype)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


def load_network(
    base: str, dropout: float, device: torch.device, weights: bool = False, trained: bool = False
) -> nn.Module:
    """A question-answering network on a pre-trained encoder; its span head is new where `base` has none.

    One whose attention `weights` are asked for computes them wherever it runs.

    Raises:
        InvalidInput: it is to be `trained`, and has no span head.
    """
    config = AutoConfig.from_pretrained(base)
    # BERT and its kin name them so, or else DistilBERT; in attention they leave sdpa's fast path, and gain nothing here
    rates = {"hidden_dropout_prob": dropout, "dropout": dropout, "qa_dropout": dropout}
    rates |= {"attention_probs_dropout_prob": 0.0, "attention_dropout": 0.0}
    config.update({name: rate for name, rate in rates.items() if hasattr(config, name)})
    attention = attention_for(torch.device("cpu") if weights else device)
    load = load_spans if trained else partial(AutoModelForQuestionAnswering.from_pretrained, dtype=torch.float32)
    network: nn.Module = load(base, config=config, attn_implementation=attention)
    if device.type == "cpu":
        replace_dropout(network)
    return network.to(device)


def attention_for(device: torch.device) -> str:
    """The attention that is fastest there, by the name that transformers knows it by."""
    if device.type != "cpu":
        return "sdpa"
    AttentionInterface.register(ATTENTION, matmul_attention)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    return ATTENTION


def keep_layers(network: nn.Module, layers: Sequence[int]) -> None:
    """Leave only these of an encoder's layers, counted from 0, in this order: a student made of its teacher.

    Raises:
        InvalidInput: the network has no such layer, or keeps its layers elsewhere than BERT, RoBERTa and DistilBERT.
    """
    body: Any = network.base_model
    encoder: Any = getattr(body, "encoder", None) or getattr(body, "transformer", None)
    present = getattr(encoder, "layer", [])
    if not all(0 <= layer < len(present) for layer in layers):
        has = f"has the layers 0 to {len(present) - 1}" if present else "keeps its layers where they are not found"
        raise InvalidInput(f"layers = {list(layers)}: the base {has}")
    encoder.layer = nn.ModuleList(deepcopy(present[layer]) for layer in layers)
    config: Any = network.config
    config.num_hidden_layers = len(layers)


def freeze_embeddings(network: nn.Module) -> None:
    """Leave the embeddings as they are: half of the parameters, and a tenth of a step's time."""
    for name, parameter in network.named_parameters():
        if "embeddings" in name:
            parameter.requires_grad = False


def forward(
    network: nn.Module,
    batch: Batch,
    device: torch.device,
    dtype: torch.dtype,
    hidden: bool = False,
    attention: bool = False,
) -> SpanOutput:
    """A network's logits in fp32, with positions outside the passage pushed far down, and what else is asked for."""
    segments = {"token_type_ids": torch.from_numpy(batch.types).to(device)} if has_segments(network) else {}
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        output = network(
            input_ids=torch.from_numpy(batch.ids).to(device),
            attention_mask=torch.from_numpy(batch.mask).to(device),
            **segments,
            output_hidden_states=hidden,
            output_attentions=attention,
        )
    outside = torch.from_numpy(~batch.allowed).to(device)
    start = output.start_logits.float().masked_fill(outside, OUTSIDE)
    end = output.end_logits.float().masked_fill(outside, OUTSIDE)
    return SpanOutput(
        start, end, tuple(output.hidden_states) if hidden else (), output.attentions[-1] if attention else None
    )


def replace_dropout(module: nn.Module) -> None:
    """Put `PooledDropout` wherever a network has a dropout."""
    for name, child in module.named_children():
        if isinstance(child, nn.Dropout):
            setattr(module, name, PooledDropout(child.p))
        else:
            replace_dropout(child)
