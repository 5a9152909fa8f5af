"""The demo corpus: Python's own language reference, which comes with every Python as `pydoc_data.topics`."""

import hashlib
from collections.abc import Iterator
from pydoc_data.topics import topics

from indexer.convert import Converted

COLLECTION = "default"
SOURCE = "pydoc_data.topics"


def fingerprint() -> str:
    """A checksum of all topics: another Python brings another reference."""
    joined = "\0".join(f"{name}\0{topics[name]}" for name in sorted(topics))
    return hashlib.sha256(joined.encode()).hexdigest()


def convert_topics() -> Iterator[Converted]:
    """One document a topic; its title is the topic's first line."""
    for name in sorted(topics):
        text = topics[name]
        title = next(line for line in text.splitlines() if line.strip()).strip().replace('"', "")
        yield Converted(text=text, title=title, meta={"topic": name}, key=name)
