"""What is compared: document stores, each filled with the same passages and asked the same questions.

Lector's own is here, those of others in `benchmarks.scale.peers`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.corpus import Passage

Kind = Literal["lector", "in-memory", "faiss-haystack", "txtai"]
Mode = Literal["dense", "sparse", "hybrid"]

MODES: dict[Kind, tuple[Mode, ...]] = {
    "lector": ("dense", "sparse", "hybrid"),
    "in-memory": ("dense", "sparse"),
    "faiss-haystack": ("dense",),
    "txtai": ("dense", "sparse", "hybrid"),
}
TOP = 20  # passages of a search


@dataclass(frozen=True)
class Filter:
    """What a search is restricted to: a field of the metadata, compared with a number."""

    field: str
    operator: Literal["==", "!="]
    value: int

    def as_haystack(self) -> dict[str, Any]:
        return {"field": f"meta.{self.field}", "operator": self.operator, "value": self.value}

    def as_sql(self) -> str:
        return f"{self.field} {'=' if self.operator == '==' else '!='} {self.value}"


class Subject(Protocol):
    """A store in a folder of its own: an empty one, or one that another process has saved there."""

    def build(self, blocks: Iterable[list[Passage]]) -> None:
        """Write all passages, until they can be searched."""
        ...

    def save(self) -> None:
        """Leave everything on disk for the next process."""
        ...

    def open(self) -> None:
        """Take up what lies on disk."""
        ...

    def search(self, mode: Mode, question: str, vector: NDArray[np.float32], restriction: Filter | None) -> list[int]:
        """The numbers of the `TOP` best passages, whose texts have been read, best first."""
        ...


def subject(kind: Kind, folder: Path, dimension: int) -> Subject:
    """A store of that kind. `ImportError` where its package is not installed."""
    if kind == "lector":
        from benchmarks.scale.lector import LectorSubject

        return LectorSubject(folder, dimension)
    from benchmarks.scale.peers import FaissSubject, InMemorySubject, TxtaiSubject

    kinds: dict[Kind, Callable[[Path, int], Subject]] = {
        "in-memory": InMemorySubject,
        "faiss-haystack": FaissSubject,
        "txtai": TxtaiSubject,
    }
    return kinds[kind](folder, dimension)
