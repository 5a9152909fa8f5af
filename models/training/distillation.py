"""Knowledge distillation: a student learns from its teachers' softened distributions as well as from the labels.

The soft loss follows Hinton, Vinyals & Dean (2015), the loss over hidden states TinyBERT (Jiao et al. 2020), and that
over the last layers' attention MiniLM (Wang et al. 2020).
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, mse_loss, softmax

from models.training.config import Distillation
from models.training.examples import Batch, Example, collate
from models.training.network import SpanOutput, forward

_LEAST = 1e-6  # of an attention weight whose logarithm is taken


class SoftTargets(NamedTuple):
    """What the teachers say of a batch: probabilities at the distillation's temperature."""

    start: Tensor  # (batch, length)
    end: Tensor  # (batch, length)
    hidden: tuple[Tensor, ...] = ()  # the first teacher's; empty where they are not asked for
    attention: Tensor | None = None  # likewise


def soften(outputs: Sequence[SpanOutput], temperature: float) -> SoftTargets:
    """The mean of an ensemble's distributions at a temperature; what is inside is that of its first member."""
    start = torch.stack([softmax(output.start / temperature, dim=-1) for output in outputs]).mean(0)
    end = torch.stack([softmax(output.end / temperature, dim=-1) for output in outputs]).mean(0)
    return SoftTargets(start, end, outputs[0].hidden, outputs[0].attention)


class Teachers:
    """An ensemble's targets for any batch.

    A window comes by in every pass over its set, and the teachers say the same of it each time, so their distributions
    are kept: 4 bytes a token. Hidden states and attention are too much to keep, and are computed anew.
    """

    def __init__(
        self, ensemble: Sequence[nn.Module], settings: Distillation, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._ensemble = ensemble
        self._settings = settings
        self._device = device
        self._dtype = dtype
        self._known: dict[bytes, NDArray[np.float16]] = {}  # (2, length): start and end, by the window's ids

    def targets(self, examples: Sequence[Example], batch: Batch) -> SoftTargets:
        """Targets of a batch, given as its examples and as they are collated."""
        if self._settings.hidden > 0 or self._settings.attention > 0:
            return self._ask(batch, self._settings.hidden > 0, self._settings.attention > 0)
        keys = [hashlib.blake2b(example.window.ids.tobytes(), digest_size=16).digest() for example in examples]
        new = {key: example for key, example in zip(keys, examples, strict=True) if key not in self._known}
        if new:
            asked = self._ask(collate(list(new.values()), pad_id=0))
            rows = torch.stack([asked.start, asked.end], dim=1).to(torch.float16).cpu().numpy()
            self._known |= {key: row[:, : len(new[key])].copy() for key, row in zip(new, rows, strict=True)}
        padded = np.zeros((2, *batch.ids.shape), dtype=np.float32)
        for row, key in enumerate(keys):
            known = self._known[key]
            padded[:, row, : known.shape[1]] = known
        start, end = torch.from_numpy(padded).to(self._device)
        return SoftTargets(start, end)

    def _ask(self, batch: Batch, hidden: bool = False, attention: bool = False) -> SoftTargets:
        with torch.no_grad():
            outputs = [
                forward(teacher, batch, self._device, self._dtype, hidden, attention) for teacher in self._ensemble
            ]
            return soften(outputs, self._settings.temperature)


def soft_loss(student: SpanOutput, targets: SoftTargets, temperature: float) -> Tensor:
    """KL divergence of the student's start and end distributions from the teachers', times temperature squared.

    The square keeps the gradient's size when the temperature changes (Hinton et al. 2015, section 2.1).
    """
    parts = ((student.start, targets.start), (student.end, targets.end))
    losses = [kl_div(log_softmax(s / temperature, dim=-1), t, reduction="batchmean") for s, t in parts]
    return temperature**2 * (losses[0] + losses[1]) / 2


def hidden_loss(student: SpanOutput, targets: SoftTargets, mask: Tensor) -> Tensor:
    """Mean squared distance of the student's hidden states from those of evenly spaced teacher layers.

    Args:
        student: with n + 1 hidden states.
        targets: with m + 1 hidden states of the same size; student layer i is compared with teacher layer i * m / n.
        mask: (batch, length) 1 where a token stands.
    """
    layers, teacher_layers = len(student.hidden) - 1, len(targets.hidden) - 1
    chosen = [targets.hidden[i * teacher_layers // layers] for i in range(layers + 1)]
    where = mask.bool()
    distances = [mse_loss(s[where].float(), t[where].float()) for s, t in zip(student.hidden, chosen, strict=True)]
    return torch.stack(distances).mean()


def attention_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """KL divergence of the student's last attention from the teacher's, mean over heads and the tokens that look.

    Args:
        student: (batch, heads, length, length) its weights.
        teacher: the same of the teacher.
        mask: (batch, length) 1 where a token stands.
    """
    looking = mask.bool()[:, None].expand(-1, teacher.shape[1], -1)  # (batch, heads, length)
    ours, theirs = student[looking].float().clamp(min=_LEAST), teacher[looking].float()
    return kl_div(ours.log(), theirs, reduction="batchmean")
