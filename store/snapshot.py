"""The file that keeps the dense view between two openings.

A line that names the format, a line with the CRC-32 of all that follows, a line of JSON, then the passages' numbers,
which of them are alive, and the index. The index is not read but mapped: what no search touches takes no memory.
"""

import json
import os
import zlib
from pathlib import Path

import numpy as np

from store.dense import DenseView
from store.nearest import AUTO, Nearest

_MAGIC = b"lector dense view 2\n"
_LONGEST_HEADER = 4096  # bytes
_AT_ONCE = 2**24  # bytes


def save(view: DenseView, path: Path, encoder: str, wanted: str = AUTO) -> None:
    """Write a view without recent passages: to a temporary file, synced and renamed, so that a reader finds the old
    one or the new.
    """
    assert not len(view.recent)
    alive = np.packbits(view.alive)
    header = {
        "change": view.change,
        "encoder": encoder,
        "dimension": view.dimension,
        "wanted": wanted,
        "factory": view.nearest.factory,
        "built": view.nearest.built,
        "passages": len(view.nearest),
    }
    parts = (
        json.dumps(header).encode() + b"\n",
        view.nearest.numbers.tobytes(),
        alive.tobytes(),
        view.nearest.written().data,
    )
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    temporary = path.with_suffix(".tmp")  # always the same: what a writer that was killed has left is written over
    try:
        with temporary.open("wb") as file:
            file.write(_MAGIC + b"%08x\n" % checksum)
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def load(path: Path, dimension: int, encoder: str, wanted: str = AUTO) -> DenseView | None:
    """The view saved at `path`; None where it must be made anew: it is missing or damaged, or another encoder's, or
    another index was wanted of it (a factory string, or "auto").
    """
    try:
        content = np.memmap(path, dtype=np.uint8, mode="r")
    except (FileNotFoundError, ValueError):  # there is none, or it is empty
        return None
    start = len(_MAGIC) + 9
    if content[:start].tobytes() != _MAGIC + b"%08x\n" % _checksum(path, start):
        return None
    end = start + content[start : start + _LONGEST_HEADER].tobytes().index(b"\n") + 1
    header = json.loads(content[start:end].tobytes())
    if (header["encoder"], header["dimension"], header.get("wanted", AUTO)) != (encoder, dimension, wanted):
        return None
    count = header["passages"]
    numbers = np.frombuffer(content[end : (end := end + 8 * count)].tobytes(), dtype=np.int64)
    bits = content[end : (end := end + (count + 7) // 8)]
    alive = np.unpackbits(bits, count=count).astype(np.bool_)
    nearest = Nearest.mapped(header["factory"], header["built"], numbers, content[end:])
    return DenseView.of(dimension, header["change"], nearest, alive)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _checksum(path: Path, start: int) -> int:
    checksum = 0
    with path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(_AT_ONCE):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
