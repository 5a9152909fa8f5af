"""What a retriever is judged by: questions, and what is relevant to each."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from store.errors import InvalidInput

Relevance = Literal["document", "passage", "answer"]

RULES: dict[Relevance, str] = {
    "document": "a document is relevant where the source names its id; it ranks where its best passage does",
    "passage": "a passage is relevant where the source names its id",
    "answer": "a passage is relevant where an answer's words occur in it, one after the other",
}

_WORD_OR_MARK = re.compile(r"[^\W_]+|[^\w\s]|_")


@dataclass(frozen=True)
class Text:
    """A document of the corpus that a source brings; it is indexed as one passage."""

    id: str
    text: str
    title: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    """A question and what is known to be relevant to it."""

    id: str
    text: str
    relevant: Mapping[str, int] = field(default_factory=dict)  # grades above 0, by the id of a document or passage
    answers: tuple[str, ...] = ()
    filters: Mapping[str, Any] | None = None  # which documents are asked; all of them without
    left_out: tuple[str, ...] = ()  # documents that are no result, such as the question's own


@dataclass(frozen=True)
class Judgements:
    """All that a source holds. Without a corpus it is about a collection that is there already."""

    queries: tuple[Query, ...]
    relevances: tuple[Relevance, ...]  # by what its questions can be judged; the first one is usual
    corpus: tuple[Text, ...] | None = None
    distractors: int = 0  # how many of the corpus

    def relevance(self, wanted: str | None) -> Relevance:
        """By what to judge: what is wanted, or what is usual.

        Raises:
            InvalidInput: the questions cannot be judged so.
        """
        for relevance in self.relevances:
            if wanted in (None, relevance):
                return relevance
        raise InvalidInput(f"relevance by {wanted!r} cannot be told here; choose of: {', '.join(self.relevances)}")

    def judged_by(self, relevance: Relevance) -> list[Query]:
        """The questions that something is relevant to, as far as the source says.

        Raises:
            InvalidInput: there is none.
        """
        if relevance == "answer":
            queries = [query for query in self.queries if any(map(words, query.answers))]
        else:
            queries = [query for query in self.queries if query.relevant]
        if not queries:
            raise InvalidInput(
                f"nothing is relevant by {relevance} to any of the {len(self.queries)} questions; give questions with "
                "relevant ids or answers"
            )
        return queries

    def with_distractors(self, texts: Sequence[Text]) -> "Judgements":
        """With further documents, which nothing is said about. A text that is in the corpus already is left out.

        Raises:
            InvalidInput: there is no corpus to add them to.
        """
        if self.corpus is None:
            raise InvalidInput("distractors go into a source's own corpus; a collection that is there stays as it is")
        known = {text.text for text in self.corpus}
        ids = {text.id for text in self.corpus}
        new = []
        for text in texts:
            if text.text not in known:
                known.add(text.text)
                new.append(replace(text, id=_free(f"distractor-{text.id}", ids)))
        return replace(self, corpus=(*self.corpus, *new), distractors=len(new))


@lru_cache(maxsize=50_000)
def words(text: str) -> str:
    """A text's words and marks in small letters, with a space around each; empty where it has none."""
    tokens = _WORD_OR_MARK.findall(unicodedata.normalize("NFC", text).lower())
    return f" {' '.join(tokens)} " if tokens else ""


def holds_answer(text: str, answers: Sequence[str]) -> bool:
    """Whether the words of one of the answers occur in the text, one after the other.

    This is how DPR (Karpukhin et al. 2020) judges passages: case and Unicode form do not matter, marks count as words.
    """
    said = words(text)
    return any(answer in said for answer in map(words, answers) if answer)


def _free(id_: str, taken: set[str]) -> str:
    while id_ in taken:
        id_ += "-"
    return id_
