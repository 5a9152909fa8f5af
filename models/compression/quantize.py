"""From a fused graph in fp32 to one in int8, by ONNX Runtime's own quantization tools."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

Rows = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]  # token ids and token types, (length,) each

BLOCK = 128  # weights that share a scale, in weight-only quantization
INT8_PRODUCTS = 4  # "accuracy level" of MatMulNBits at which its products are computed in int8

_OPTIONS = {"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT}


def quantize_int8_dynamic(source: Path, target: Path) -> None:
    """Matrix products, attention and embeddings with signed int8 weights, one scale an output channel."""
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul", "Attention", "Gather"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options=_OPTIONS,
    )


def quantize_int8_static(source: Path, target: Path, rows: Rows) -> None:
    """The same, with scales of activations fixed by their least and greatest value over `rows`.

    Results of products stay in float: only what goes into them is quantized. The graph's attention must have its
    products apart (see `models.compression.export.fuse`).
    """
    model = _with_types(source)
    quantize_static(
        model,
        target,
        _Calibration(rows, [node.name for node in model.graph.input]),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["MatMul", "Gather"],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options=_OPTIONS | {"OpTypesToExcludeOutputQuantization": ["MatMul", "Gather"]},
    )


def quantize_int8_weight_only(source: Path, target: Path) -> None:
    """Products with int8 weights in blocks of 128 with a scale each; embeddings with int8 weights.

    Activations stay in float in the graph; the operator scales them block by block too. The graph's attention must have
    its products apart.
    """
    with _quietly():
        from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer
    quantize_dynamic(source, target, op_types_to_quantize=["Gather"], per_channel=True, extra_options=_OPTIONS)
    config = DefaultWeightOnlyQuantConfig(block_size=BLOCK, is_symmetric=True, accuracy_level=INT8_PRODUCTS, bits=8)
    quantizer = MatMulNBitsQuantizer(str(target), algo_config=config)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))


def _with_types(source: Path) -> onnx.ModelProto:
    """The graph, in which it is written what fused operators put out: floats.

    ONNX cannot infer it, since they are not its own, and what has no type would not be calibrated and so not quantized.
    """
    model = onnx.load(str(source))
    for node in model.graph.node:
        if node.domain:
            model.graph.value_info.append(helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None))
    return model


@contextmanager
def _quietly() -> Iterator[None]:
    """Undo what an import does to logging: `matmul_nbits_quantizer` makes the root logger tell of every node."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Rows as inputs of the graph, one by one."""

    def __init__(self, rows: Rows, inputs: Sequence[str]) -> None:
        self._rows = iter(rows)
        self._inputs = inputs

    def get_next(self) -> dict[str, NDArray[np.int64]] | None:
        row = next(self._rows, None)
        if row is None:
            return None
        ids, types = row
        feed = {"input_ids": ids[None], "attention_mask": np.ones_like(ids)[None], "token_type_ids": types[None]}
        return {name: feed[name] for name in self._inputs}
