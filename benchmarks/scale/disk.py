"""A store's files: their sizes, and whether the machine has them in its page cache."""

import os
from pathlib import Path

from store.collection import folder_bytes


def bytes_by_part(folder: Path) -> dict[str, int]:
    """Size of each file and folder in a store's folder, and of all of them."""
    parts = {
        path.name: folder_bytes(path) if path.is_dir() else path.stat().st_size for path in sorted(folder.iterdir())
    }
    return {**{name: size for name, size in parts.items() if size}, "total": sum(parts.values())}


def forget(folder: Path) -> None:
    """Drop the files' pages from the page cache; a disk may have a cache of its own, which stays."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())  # a page that is not written yet would stay
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def remember(folder: Path) -> None:
    """Read all files, so that as much of them as there is room for lies in the page cache."""
    buffer = bytearray(2**24)
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass
