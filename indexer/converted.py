"""What a converter makes of a file."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Converted:
    """The text of one document. Every offset elsewhere counts code points of `text`."""

    text: str
    title: str
    meta: dict[str, Any] = field(default_factory=dict)  # what JSON can hold
    key: str = ""  # distinguishes the documents of one file (a CSV row's id, a JSONL id); "" where there is only one
    pages: tuple[int, ...] = ()  # where in `text` each page starts; () where the format has no pages
