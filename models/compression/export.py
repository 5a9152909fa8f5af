"""From PyTorch to a fused ONNX graph in fp32: what every compressed variant starts from.

The graph is for rows without padding, which is how `models.network` runs them: all tokens are attended to.
"""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import onnx
import torch
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model
from torch import Tensor, nn
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from models.encoder import Pooling
from store.errors import InvalidInput

OPSET = 17

_MASK = {"Attention": 3, "MultiHeadAttention": 4}  # which of an operator's inputs


class Exportable(nn.Module):
    """A transformer that takes the two or three inputs of BERT, in order: `input_names` says which."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        # Without the input, a graph that has no use for it cannot be given a wrong one.
        self.input_names = ["input_ids", "attention_mask", *(["token_type_ids"] if has_segments(network) else [])]

    def run(self, inputs: tuple[Tensor, ...]) -> Any:
        """The network's own output for inputs of (batch, length) each."""
        return self.network(**dict(zip(self.input_names, inputs, strict=True)))


def has_segments(network: nn.Module) -> bool:
    """Whether a transformer tells segments apart: DistilBERT knows none, and RoBERTa only one."""
    several = getattr(network.config, "type_vocab_size", 0) > 1
    return several and "token_type_ids" in inspect.signature(network.forward).parameters


def longest_input(network: nn.Module) -> int | None:
    """How many tokens a transformer has positions for; None if it learned none."""
    tables = [m for name, m in network.named_modules() if name.endswith("position_embeddings")]
    found = [table for table in tables if isinstance(table, nn.Embedding)]
    # RoBERTa counts positions from behind its padding's
    return min((t.num_embeddings - (0 if t.padding_idx is None else t.padding_idx + 1) for t in found), default=None)


class PooledEncoder(Exportable):
    """A transformer with its pooling, projections and L2 normalisation, so that its output is final.

    `dimensions` cuts embeddings to their first ones, before they are normalised; 0 leaves them whole.
    """

    def __init__(self, network: nn.Module, pooling: Pooling, projections: Sequence[nn.Module], normalize: bool) -> None:
        super().__init__(network)
        self.pooling = pooling
        self.projections = nn.Sequential(*projections)
        self.normalize = normalize
        self.dimensions = 0

    def forward(self, *inputs: Tensor) -> Tensor:
        hidden = self.run(inputs).last_hidden_state  # (batch, length, hidden)
        embedding: Tensor = self.projections(hidden[:, 0] if self.pooling == "cls" else hidden.mean(1))
        embedding = embedding[:, : self.dimensions] if self.dimensions else embedding
        return nn.functional.normalize(embedding, dim=-1) if self.normalize else embedding  # (batch, dimension)


class SpanReader(Exportable):
    """A question-answering network that returns its two logits as a plain tuple."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        output = self.run(inputs)
        return output.start_logits, output.end_logits  # (batch, length) each


def pooled_encoder(modules: Sequence[nn.Module]) -> PooledEncoder:
    """What sentence-transformers keeps as a list of modules, as one network.

    Raises:
        InvalidInput: there is a module, or a way of pooling, that the artifact format does not have.
    """
    from sentence_transformers.sentence_transformer import modules as known  # takes seconds to import

    transformer, pooling, *others = modules
    dense = [module for module in others if isinstance(module, known.Dense) and not module.use_residual]
    normalize = [module for module in others if isinstance(module, known.Normalize)]
    if not isinstance(transformer, known.Transformer) or others != [*dense, *normalize]:
        kinds = ", ".join(type(module).__name__ for module in modules)
        raise InvalidInput(
            f"the encoder consists of {kinds}; what can be exported is a Transformer, its Pooling, Dense layers and "
            "Normalize, in this order"
        )
    if not isinstance(pooling, known.Pooling) or pooling.pooling_mode not in get_args(Pooling):
        raise InvalidInput(f"the encoder's pooling is {pooling}; only that by mean or cls can be exported")
    projections: list[Any] = [part for module in dense for part in (module.linear, module.activation_function)]
    return PooledEncoder(transformer.auto_model, pooling.pooling_mode, projections, bool(normalize)).eval()


def load_tokenizer(base: str) -> Any:
    """transformers' tokenizer of a model, from a directory or a hub name; errors as of `check_tokenizer`."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    check_tokenizer(tokenizer, base)
    return tokenizer


def check_tokenizer(tokenizer: Any, base: str) -> None:
    """That a model has a tokenizer which runs without transformers.

    Raises:
        InvalidInput: it has another kind, or none.
    """
    if not tokenizer.is_fast:
        raise InvalidInput(f"{base} has no fast tokenizer; Lector needs its tokenizer.json")
    if len(tokenizer) <= len(tokenizer.all_special_tokens):  # what transformers makes up where there are no files
        raise InvalidInput(f"{base} has no tokenizer with words; save it beside the model")


def load_reader(base: str) -> SpanReader:
    """A question-answering model in fp32, from a directory or a hub name.

    Raises:
        InvalidInput: its files are incomplete, or transformers has no question-answering model of its architecture.
    """
    return SpanReader(load_spans(base, attn_implementation="eager")).eval()


def load_spans(base: str, **options: Any) -> nn.Module:
    """transformers' question-answering model in fp32, from a directory or a hub name, with its span head.

    Raises:
        InvalidInput: as of `load_reader`, or there is no span head.
    """
    try:
        network, info = AutoModelForQuestionAnswering.from_pretrained(
            base, dtype=torch.float32, output_loading_info=True, **options
        )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInput(f"{base} is no question-answering model; is it an encoder? {reason}") from error
    if missing := sorted(info["missing_keys"]):
        raise InvalidInput(f"{base} is no question-answering model; is it an encoder? It has no {', '.join(missing)}")
    found: nn.Module = network
    return found


def export_onnx(module: Exportable, outputs: list[str], path: Path) -> None:
    """Trace a network and write its graph with free batch and length."""
    example = torch.ones(2, 8, dtype=torch.int64)
    axes = {name: {0: "batch", 1: "length"} for name in module.input_names}
    axes |= {name: {0: "batch", 1: "length"} if "logits" in name else {0: "batch"} for name in outputs}
    torch.onnx.export(
        module,
        (example,) * len(module.input_names),
        str(path),
        input_names=module.input_names,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,  # the fusions below know the graphs of the tracing exporter
    )


def fuse(source: Path, target: Path, heads: int, hidden_size: int, *, own_products: bool = False) -> dict[str, int]:
    """Fuse attention, layer norms and GELUs into single operators, and return how many of each there now are.

    Fused attention loses its mask, and the graph that input where nothing else needs it.
    With `own_products`, attention's projections stay matrix products of their own, for quantizers that do not reach
    into the attention operator.

    Raises:
        onnx.checker.ValidationError: the fused graph is not sound.
    """
    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False  # its operator keeps the embeddings in fp32, half of the file
    options.enable_skip_layer_norm = options.enable_bias_skip_layer_norm = False  # see _keep_apart
    options.use_multi_head_attention = own_products
    model = optimize_model(str(source), "bert", num_heads=heads, hidden_size=hidden_size, optimization_options=options)
    _keep_apart(model.model.graph)
    for node in model.model.graph.node:
        if node.op_type in _MASK and len(node.input) > _MASK[node.op_type]:
            node.input[_MASK[node.op_type]] = ""
    model.prune_graph(allow_remove_graph_inputs=True)
    model.save_model_to_file(str(target))
    onnx.checker.check_model(str(target))
    counts: dict[str, Any] = model.get_fused_operator_statistics()
    return {name: int(count) for name, count in counts.items() if count}


def _keep_apart(graph: onnx.GraphProto) -> None:
    """Write the addition before each layer norm as `Sum`, which ONNX Runtime does not fuse into the norm.

    It would fuse an `Add` when it loads the graph, and its fused operator is not vectorised: six times slower than
    addition and norm apart, a quarter of the whole int8 network.
    """
    producers = {output: node for node in graph.node for output in node.output}
    for norm in graph.node:
        before = producers.get(norm.input[0]) if norm.op_type == "LayerNormalization" else None
        if before is not None and before.op_type == "Add":
            before.op_type = "Sum"
