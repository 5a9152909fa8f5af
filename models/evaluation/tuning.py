"""Which options of hybrid retrieval suit a set of questions: a grid is tried, and the choice cross-validated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, product
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from models.encoder import Encoder
from models.evaluation.judgements import Query, Relevance
from models.evaluation.ranking_metrics import Ranking, measure
from models.evaluation.rankings import Found, ranking
from models.evaluation.terminal import Track, silently
from models.fusion import Scores, ordered
from models.hybrid import Searches, rank
from models.retrieval import searches
from store.collection import Collection
from store.errors import InvalidInput
from store.options import Fusion, Options
from store.reading import Reading
from store.records import Embedding

TITLE_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)
DENSE_WEIGHTS = (0.3, 0.4, 0.5, 0.6, 0.7)
FEEDBACKS = (0.0, 0.25, 0.5, 1.0)
FOLDS = 5
FEWEST = 10  # questions: two a fold

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The best candidate, and what choosing so is worth on questions that the choice did not see."""

    best: int  # of all candidates, by all questions
    folds: tuple[NDArray[np.int64], ...]  # of questions
    by_fold: tuple[int, ...]  # the best candidate by the questions outside of each fold
    held_out: Floats  # (questions,): each one's value by the candidate that was chosen without its fold


def grid(present: Options) -> list[Options]:
    """The candidates, the present options first: where others are no better, these stay."""
    combined = product(get_args(Fusion), TITLE_WEIGHTS, DENSE_WEIGHTS, FEEDBACKS)
    candidates = (
        replace(present, fusion=fusion, title_weight=title_weight, dense_weight=dense_weight, feedback=feedback)
        for fusion, title_weight, dense_weight, feedback in combined
    )
    return list(dict.fromkeys((present, *candidates)))


def try_all(
    collection: Collection,
    encoder: Encoder,
    queries: Sequence[Query],
    relevance: Relevance,
    candidates: Sequence[Options],
    metric: str,
    depth: int,
    track: Track = silently,
) -> Floats:
    """The metric of each question by each candidate: (questions, candidates). Rankings are `depth` deep.

    What the candidates have in common is searched once; all of them see one generation.
    """
    values = np.zeros((len(queries), len(candidates)))
    with collection.reading() as reading:
        for row, query in enumerate(track(queries, f"{len(candidates)} candidates")):
            embedding = encoder.encode_questions([query.text])[0]
            rankings = _rankings(reading, embedding, query, relevance, candidates, depth)
            values[row] = measure(rankings, [metric])[:, 0]
    return values


def choose(values: Floats, folds: int = FOLDS, seed: int = 0) -> Choice:
    """The candidate with the best mean of (questions, candidates) values, and the same by cross-validation.

    Questions are dealt into folds at random. Each fold is judged by the candidate that is best on the others, so that
    what a choice gains by luck does not count.

    Raises:
        InvalidInput: there are too few questions.
    """
    if len(values) < FEWEST:
        raise InvalidInput(f"{len(values)} questions are too few to choose by; give {FEWEST} at least, better hundreds")
    dealt = tuple(np.sort(fold) for fold in np.array_split(np.random.default_rng(seed).permutation(len(values)), folds))
    held_out = np.zeros(len(values))
    by_fold = []
    for fold in dealt:
        chosen = int(np.delete(values, fold, axis=0).mean(axis=0).argmax())
        held_out[fold] = values[fold, chosen]
        by_fold.append(chosen)
    return Choice(int(values.mean(axis=0).argmax()), dealt, tuple(by_fold), held_out)


def _rankings(
    reading: Reading,
    embedding: Embedding,
    query: Query,
    relevance: Relevance,
    candidates: Sequence[Options],
    depth: int,
) -> list[Ranking]:
    deepest = len(query.left_out) + max(depth, *(options.depth for options in candidates))
    asked = _each_once(searches(reading, query.text, deepest, query.filters))
    numbers = [ordered(rank(asked, embedding, options).fused) for options in candidates]
    passages = reading.passages(list(dict.fromkeys(chain(*numbers))))
    found = {n: Found(passage.document.id, passage.id, passage.text) for n, passage in passages.items()}
    others = {n: one for n, one in found.items() if one.document not in query.left_out}
    return [
        ranking(_first([others[n] for n in some if n in others], relevance, depth), query, relevance, 0.0)
        for some in numbers
    ]


def _first(found: Sequence[Found], relevance: Relevance, depth: int) -> list[Found]:
    """The first of them; where documents are ranked, one of each, so that a long one keeps no other out."""
    if relevance != "document":
        return list(found[:depth])
    best: dict[str, Found] = {}
    for one in found:
        best.setdefault(one.document, one)
    return list(best.values())[:depth]


def _each_once(asked: Searches) -> Searches:
    """The same searches, remembered."""
    near: dict[bytes, Scores] = {}

    def dense(embedding: Embedding) -> Scores:
        key = embedding.tobytes()
        if key not in near:
            near[key] = asked.dense(embedding)
        return near[key]

    return Searches(cache(asked.sparse), dense, asked.embeddings)
