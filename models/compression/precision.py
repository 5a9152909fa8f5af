"""What a compressed network computes with."""

from enum import StrEnum


class Precision(StrEnum):
    """How weights are kept, and how matrix products are computed."""

    fp32 = "fp32"
    int8_dynamic = "int8-dynamic"  # weights and activations in int8, activations scaled as they come
    int8_static = "int8-static"  # the same, activations scaled as calibration found them
    int8_weight_only = "int8-weight-only"  # weights in int8 with a scale a block, activations scaled block by block

    @property
    def label(self) -> str:
        """As a card says it."""
        return self.value.replace("-", " ", 1)
