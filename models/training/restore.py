"""From an artifact back to a network that can be trained on: weights are read off its graph and dequantized.

So a shipped reader of 22 MB is enough to start a domain adaptation from, without a copy in fp32 beside it.
Quantization's rounding stays in the weights; a few hundred steps of training smooth it out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from transformers import BertConfig, BertForQuestionAnswering, PreTrainedTokenizerFast

from models.artifact import TOKENIZER, Artifact
from store.errors import InvalidInput


def restore_reader(artifact: Artifact, out: Path) -> None:
    """Write a reader that `lector compress` made of a BERT as a Hugging Face directory in fp32.

    Raises:
        InvalidInput: the artifact's graph is not a fused BERT's.
    """
    bert = read_bert(artifact.model_path, products_after=1)
    if "network.qa_outputs.bias" not in bert.weights:
        raise not_restorable(artifact.model_path)
    network = BertForQuestionAnswering(bert.config)
    state = {f"bert.{name}": value for name, value in bert.state.items()}
    state["qa_outputs.weight"] = bert.weights[bert.products[-1].input[1]].T
    state["qa_outputs.bias"] = bert.weights["network.qa_outputs.bias"]
    network.load_state_dict(tensors(state))
    network.save_pretrained(out)
    restored_tokenizer(artifact).save_pretrained(out)


@dataclass(frozen=True)
class RestoredBert:
    """What a graph holds of a BERT, and the rest of it."""

    config: BertConfig
    state: dict[str, NDArray[np.float32]]  # weights by the names that `BertModel` gives them
    weights: "Weights"  # all of the graph's
    products: list[onnx.NodeProto]


def read_bert(path: Path, products_after: int) -> RestoredBert:
    """The BERT that a fused graph begins with, `products_after` matrix products before its end.

    Weights are found by the place of their operator in the graph: their names get lost in fusion, and equal ones merge.

    Raises:
        InvalidInput: the graph is not such a one.
    """
    graph = onnx.load(str(path)).graph
    weights = Weights(graph)

    def nodes(*kinds: str) -> list[onnx.NodeProto]:
        return [node for node in graph.node if node.op_type in kinds]

    attention, products = nodes("Attention", "QAttention"), nodes("MatMul", "MatMulInteger", "Gemm")
    norms, gelus = nodes("LayerNormalization", "SkipLayerNormalization"), nodes("BiasGelu")
    layers = len(attention)
    counts = (len(products), len(norms), len(gelus))
    if not layers or counts != (3 * layers + products_after, 2 * layers + 1, layers):
        raise not_restorable(path)

    state: dict[str, NDArray[np.float32]] = {}
    for kind in ("word", "position", "token_type"):
        name = f"embeddings.{kind}_embeddings.weight"
        found = weights.ending(name)
        if found is None or weights.rows(found) < 2:  # RoBERTa has one type of tokens, and counts positions otherwise
            raise not_restorable(path)
        state[name] = weights[found]
    producers = {output: node for node in graph.node for output in node.output}

    def put_norm(prefix: str, norm: onnx.NodeProto) -> None:
        gamma, beta = norm.input[2:4] if norm.op_type == "SkipLayerNormalization" else norm.input[1:3]
        state[f"{prefix}.LayerNorm.weight"], state[f"{prefix}.LayerNorm.bias"] = weights[gamma], weights[beta]

    put_norm("embeddings", norms[0])
    for layer in range(layers):
        prefix = f"encoder.layer.{layer}"
        merged, merged_bias = weights[attention[layer].input[1]], weights[attention[layer].input[2]]
        for i, part in enumerate(("query", "key", "value")):
            state[f"{prefix}.attention.self.{part}.weight"] = np.split(merged, 3, axis=1)[i].T
            state[f"{prefix}.attention.self.{part}.bias"] = np.split(merged_bias, 3)[i]
        for i, part in enumerate(("attention.output", "intermediate", "output")):
            state[f"{prefix}.{part}.dense.weight"] = weights[products[3 * layer + i].input[1]].T
        state[f"{prefix}.intermediate.dense.bias"] = weights[gelus[layer].input[1]]
        for i, part in enumerate(("attention.output", "output")):
            norm = norms[1 + 2 * layer + i]
            put_norm(f"{prefix}.{part}", norm)
            state[f"{prefix}.{part}.dense.bias"] = weights[_bias_before(norm, producers, weights)]

    words = state["embeddings.word_embeddings.weight"]
    config = BertConfig(
        vocab_size=words.shape[0],
        hidden_size=words.shape[1],
        num_hidden_layers=layers,
        num_attention_heads=next(a.i for a in attention[0].attribute if a.name == "num_heads"),
        intermediate_size=state["encoder.layer.0.intermediate.dense.weight"].shape[0],
        max_position_embeddings=state["embeddings.position_embeddings.weight"].shape[0],
        type_vocab_size=state["embeddings.token_type_embeddings.weight"].shape[0],
    )
    return RestoredBert(config, state, weights, products)


def restored_tokenizer(artifact: Artifact) -> PreTrainedTokenizerFast:
    """An artifact's tokenizer as BERT's."""
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_file=str(artifact.folder / TOKENIZER), model_input_names=inputs, **special
    )


def tensors(state: dict[str, NDArray[np.float32]]) -> dict[str, torch.Tensor]:
    """Weights as PyTorch loads them."""
    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}


def not_restorable(path: Path) -> InvalidInput:
    """What to raise of a graph whose weights are not found where a BERT's would be."""
    return InvalidInput(
        f"{path} is no BERT with GELUs that `lector compress` made in fp32 or int8-dynamic; no other "
        "can be restored: train from its source"
    )


def _bias_before(norm: onnx.NodeProto, producers: dict[str, onnx.NodeProto], weights: "Weights") -> str:
    """The bias that is added before a layer norm: by the norm itself, or two additions (bias, residual) before it."""
    if norm.op_type == "SkipLayerNormalization":
        return str(norm.input[4])
    residual = producers[norm.input[0]]
    dense = next(producers[term] for term in residual.input if producers[term].op_type == "Add")
    return next(str(name) for name in dense.input if name in weights)


class Weights:
    """The initializers of a graph in fp32, by their names with or without quantization's ending."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        name = name.removesuffix("_quantized")
        if name in self._tensors:
            return self._array(name)
        levels, zero, scale = (self._array(f"{name}_{part}") for part in ("quantized", "zero_point", "scale"))
        return (levels - zero) * scale  # one scale for all, or one a column

    def ending(self, name: str) -> str | None:
        """The whole name of the weight whose name ends so."""
        names = (found.removesuffix("_quantized") for found in self._tensors)
        return next((found for found in names if found.endswith(name)), None)

    def rows(self, name: str) -> int:
        """The first dimension of a weight."""
        tensor = self._tensors.get(name) or self._tensors[f"{name}_quantized"]
        return int(tensor.dims[0])

    def _array(self, name: str) -> NDArray[np.float32]:
        return numpy_helper.to_array(self._tensors[name]).astype(np.float32)
