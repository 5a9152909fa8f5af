"""Choosing the arithmetic of a training run."""

import subprocess
import sys

import torch

_PROBE = "import torch; a = torch.ones(64, 64, dtype=torch.bfloat16); (a @ a).sum().item()"


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """bf16 or fp32, as `wanted`; `auto` takes bf16 wherever a bf16 matrix product survives.

    The probe runs in a process of its own: on some virtual machines the processor announces bf16 tiles (AMX) that the
    hypervisor only half supports, and the product dies of an illegal instruction, which nothing can catch.
    """
    if wanted == "fp32":
        return torch.float32
    if wanted == "bf16" or device.type != "cpu":
        return torch.bfloat16
    works = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, check=False).returncode == 0
    return torch.bfloat16 if works else torch.float32
