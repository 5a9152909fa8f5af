"""What a measurement ran on."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from models.network import cores


def machine(*packages: str) -> dict[str, Any]:
    """Processor, cores that this process may use, and the versions of Python and of the packages that are there."""
    versions = {package: found for package in packages if (found := _version(package)) is not None}
    return {
        "processor": _processor(),
        "cores": cores(),
        "python": platform.python_version(),
        **({"packages": versions} if versions else {}),
    }


def resident_mb(pid: int | str = "self") -> dict[str, float]:
    """A process's resident memory in MB: now, and the most there has been since its program began.

    `anonymous` and `file` are parts of what there is now; pages of mapped files are shared with the page cache.
    """
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    names = {"now": "VmRSS", "peak": "VmHWM", "anonymous": "RssAnon", "file": "RssFile"}
    kib = {name: int(fields[field].split()[0]) for name, field in names.items()}
    return {name: round(value * 1024 / 1e6, 1) for name, value in kib.items()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()
