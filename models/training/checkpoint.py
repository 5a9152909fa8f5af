"""Checkpoints of a training run: written whole or not at all, so that a run resumes after `kill -9`."""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import nn
from torch.optim.swa_utils import AveragedModel

from store.errors import InvalidInput


def claim(out: Path, config: BaseModel, teachers: Sequence[str], data: bytes) -> None:
    """Make `out` the folder of this run, of which `data` is all that it is trained on, or see that it is already.

    Raises:
        InvalidInput: a run by another configuration, of other teachers or on other data has begun there.
    """
    path = out / "run.json"
    run = config.model_dump(mode="json", exclude_defaults=True)
    run |= {"teachers": list(teachers), "data": hashlib.sha256(data).hexdigest()}
    if path.is_file():
        begun = json.loads(path.read_text(encoding="utf-8"))
        others = sorted(key for key in {*begun, *run} if begun.get(key) != run.get(key))
        if others:
            raise InvalidInput(
                f"{out} holds a run that began with another {', '.join(others)}, and goes on only as it began; name "
                "another folder, or delete this one"
            )
        return
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(run, indent=1), encoding="utf-8")
    temporary.replace(path)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write to a temporary file, sync it to disk, and rename it over the old one."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The last whole checkpoint, or None. Holds tensors and numbers only; no code is unpickled."""
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state


class RunState:
    """All that a run needs to go on where it stood."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        averaged: bool = False,
    ) -> None:
        self.network = network
        # Mean of the weights (Izmailov et al. 2018), once it is updated; None where there is to be none.
        self.averaged = AveragedModel(network) if averaged else None
        self.step = 0
        self.history: list[dict[str, float]] = []
        self._parts: dict[str, Any] = {
            "network": network,
            "optimizer": optimizer,
            "schedule": schedule,
            **({"averaged": self.averaged} if self.averaged else {}),
        }
        self._seconds, self._began = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the run has taken, over all its processes."""
        return self._seconds + time.monotonic() - self._began

    @property
    def result(self) -> nn.Module:
        """What the run has come to: the mean of its weights, or the last ones while there is no mean."""
        return self.averaged.module if self.averaged and self.averaged.n_averaged else self.network

    def save(self, path: Path) -> None:
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        numbers = {"step": self.step, "seconds": self.seconds, "history": json.dumps(self.history)}
        save_checkpoint(path, {**parts, **numbers, "rng": torch.get_rng_state()})

    def load(self, path: Path) -> None:
        """Take up the checkpoint, if there is one."""
        checkpoint = load_checkpoint(path)
        if checkpoint is None:
            return
        for name, part in self._parts.items():
            part.load_state_dict(checkpoint[name])
        torch.set_rng_state(checkpoint["rng"])
        self.step, self._seconds = checkpoint["step"], checkpoint["seconds"]
        self.history = json.loads(checkpoint["history"])
