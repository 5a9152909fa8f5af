"""From PyTorch to a fused ONNX graph in fp32: what every compressed variant starts from."""

from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForQuestionAnswering

OPSET = 17


class PooledEncoder(nn.Module):
    """A transformer with mean pooling over the attention mask and L2 normalisation, so that its output is final."""

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        output = self.transformer(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        hidden = output.last_hidden_state  # (batch, length, hidden)
        weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(mean, dim=-1)  # (batch, hidden)


class SpanReader(nn.Module):
    """A question-answering network that returns its two logits as a plain tuple."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        output = self.network(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return output.start_logits, output.end_logits  # (batch, length) each


def load_encoder(base: str) -> nn.Module:
    return PooledEncoder(AutoModel.from_pretrained(base, attn_implementation="eager", dtype=torch.float32)).eval()


def load_reader(base: str) -> nn.Module:
    network = AutoModelForQuestionAnswering.from_pretrained(base, attn_implementation="eager", dtype=torch.float32)
    return SpanReader(network).eval()


def export_onnx(module: nn.Module, outputs: list[str], path: Path) -> None:
    """Trace a network with the three BERT inputs and write its graph with free batch and length."""
    example = torch.ones(2, 8, dtype=torch.int64)
    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "length"} for name in inputs}
    axes |= {name: {0: "batch", 1: "length"} if "logits" in name else {0: "batch"} for name in outputs}
    torch.onnx.export(
        module,
        (example, example, example),
        str(path),
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,  # the fusions below know the graphs of the tracing exporter
    )


def fuse(source: Path, target: Path, heads: int, hidden_size: int) -> dict[str, int]:
    """Fuse attention, layer norm and GELU into single operators, and return how many of each there now are.

    Raises:
        onnx.checker.ValidationError: the fused graph is not sound.
    """
    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False  # its operator keeps the embeddings in fp32, half of the file
    model = optimize_model(str(source), "bert", num_heads=heads, hidden_size=hidden_size, optimization_options=options)
    model.save_model_to_file(str(target))
    onnx.checker.check_model(str(target))
    counts: dict[str, Any] = model.get_fused_operator_statistics()
    return {name: int(count) for name, count in counts.items() if count}
