"""Dynamic int8: weights quantized once, activations as they come."""

from pathlib import Path

from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic


def quantize_int8(source: Path, target: Path) -> None:
    """Quantize matrix products, attention and embeddings to signed int8 weights, one scale an output channel."""
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul", "Attention", "Gather"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
    )
