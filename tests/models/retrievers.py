"""Haystack retrievers of someone else's, as they may come: with parameters or none, good and bad."""

from typing import Any

from haystack import Document, component


@component
class Fixed:
    """Brings documents of these ids, whatever is asked."""

    def __init__(self, ids: list[str], text: str = "") -> None:
        self.ids = ids
        self.text = text
        self.warm = False

    def warm_up(self) -> None:
        self.warm = True

    @component.output_types(documents=list[Document])
    def run(self, query: str, top_k: int = 10) -> dict[str, Any]:
        assert self.warm
        assert query
        return {"documents": [Document(id=id_, content=self.text) for id_ in self.ids[:top_k]]}


class Rings(Fixed):
    """What the questions on planets ask for, but one too late."""

    def __init__(self) -> None:
        super().__init__(["mercury", "saturn", "mars", "jupiter", "venus"])


class Broken:
    """No retriever."""

    def run(self, query: str) -> dict[str, Any]:
        return {"answers": [query]}
