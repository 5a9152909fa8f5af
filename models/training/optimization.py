"""How weights are moved: AdamW, with a learning rate that rises and falls on a line."""

import math

import torch
from torch import nn


def adamw(network: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW over what is not frozen; biases and layer norms do not decay."""
    trained = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


class LinearSchedule:
    """Linear warm-up, then linear decay to a share of the learning rate."""

    def __init__(self, steps: int, warmup: float, final: float) -> None:
        self.steps, self.warm, self.final = steps, max(1, math.ceil(steps * warmup)), final

    def __call__(self, step: int) -> float:
        if step < self.warm:
            return (step + 1) / self.warm
        left = max(0.0, (self.steps - step) / max(1, self.steps - self.warm))
        return self.final + (1 - self.final) * left
