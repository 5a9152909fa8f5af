"""Choosing the arithmetic of a training run."""

import subprocess
import sys

import torch

_PROBE = """
import time, torch

def seconds(dtype):
    one, other = torch.ones(512, 384, dtype=dtype), torch.ones(384, 384, dtype=dtype)
    took = []
    for _ in range(6):
        began = time.perf_counter()
        (one @ other).sum().item()
        took.append(time.perf_counter() - began)
    return min(took)

print(seconds(torch.bfloat16) < seconds(torch.float32))
"""


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """bf16 or fp32, as `wanted`; `auto` takes bf16 where a matrix product is faster in it.

    Most processors have no arithmetic of that kind and are slower for imitating it. The probe runs in a process of its
    own: on some virtual machines the processor announces bf16 tiles (AMX) that the hypervisor only half supports, and
    the product dies of an illegal instruction, which nothing can catch.
    """
    if wanted == "fp32":
        return torch.float32
    if wanted == "bf16" or device.type != "cpu":
        return torch.bfloat16
    probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, check=False, text=True)
    return torch.bfloat16 if probe.stdout.strip() == "True" else torch.float32
