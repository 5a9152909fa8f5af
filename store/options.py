"""How a collection is searched: what is kept with it, beside its documents."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Self, get_args

from store.errors import InvalidInput
from store.nearest import AUTO, DEFAULT_EFFORT, check_factory
from store.sparse import DEFAULT_LANGUAGE, analyzer

Fusion = Literal["sum", "rrf"]


@dataclass(frozen=True)
class Options:
    """How a collection is searched. Another language or index makes a view anew; the others concern searches only."""

    language: str = DEFAULT_LANGUAGE  # of the stemmer, or "none"
    index: str = AUTO  # a FAISS factory string
    effort: int = DEFAULT_EFFORT  # nodes of a graph, or inverted lists, that a dense search looks at
    title_weight: float = 0.5  # in BM25, of a word in a title; of one in a text it is 1
    depth: int = 200  # passages of each ranking, at least, that a hybrid search fuses
    fusion: Fusion = "sum"  # of scores, or of reciprocal ranks
    dense_weight: float = 0.5  # of the dense ranking in a fusion; the sparse one has the rest of 1
    feedback: float = 0.5  # of the best passages' embeddings in a second dense search, beside the question's 1; 0: none

    @classmethod
    def stored(cls, settings: Mapping[str, str]) -> Self:
        """What a collection's settings say; what they do not know yet is as it is by default."""
        defaults = asdict(cls())
        return cls(**{name: type(value)(settings.get(name, value)) for name, value in defaults.items()})

    def check(self, dimension: int) -> None:
        """Refuse what no collection of this many dimensions can be searched with.

        Raises:
            InvalidInput: with the option, its value and the rule.
        """
        analyzer(self.language)
        check_factory(self.index, dimension)
        if self.effort < 1:
            raise InvalidInput(f"effort {self.effort} is below 1; it counts what a dense search looks at")
        if self.depth < 1:
            raise InvalidInput(f"depth {self.depth} is below 1; it counts the passages that a hybrid search fuses")
        if self.fusion not in get_args(Fusion):
            raise InvalidInput(f"unknown fusion {self.fusion!r}; choose of {', '.join(get_args(Fusion))}")
        for name, most in (("title_weight", 10), ("dense_weight", 1), ("feedback", 10)):
            if not 0 <= getattr(self, name) <= most:
                raise InvalidInput(f"{name} {getattr(self, name)} is not between 0 and {most}")
