"""Which of the ranked passages are brought: each text once, and no document too often."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from store.records import Passage


@dataclass(frozen=True)
class Selected:
    """A passage, and the further ones that say the same, in the order in which they were ranked."""

    passage: Passage
    copies: list[Passage] = field(default_factory=list)


def select(ranked: Iterable[Passage], limit: int, per_document: int | None = None) -> list[Selected]:
    """The first `limit` passages that say something new, at most `per_document` of one document.

    Two passages say the same where nothing but white space and case sets their texts apart. Nothing is taken from
    `ranked` once there are enough.
    """
    selected: dict[str, Selected] = {}
    of_document: Counter[int] = Counter()
    passages = iter(ranked)
    while len(selected) < limit and (passage := next(passages, None)) is not None:
        text = " ".join(passage.text.casefold().split())
        if text in selected:
            selected[text].copies.append(passage)
        elif per_document is None or of_document[passage.document.number] < per_document:
            selected[text] = Selected(passage)
            of_document[passage.document.number] += 1
    return list(selected.values())
