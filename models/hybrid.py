"""Hybrid retrieval: what BM25 and the encoder rank, fused, then once more with the question moved to what came first.

The second dense search is pseudo-relevance feedback in Rocchio's way (1971), on embeddings (Li et al. 2022,
"Pseudo Relevance Feedback with Deep Language Models and Dense Retrievers"): it takes stored embeddings, and encodes
nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.fusion import FUSIONS, Scores, ordered
from store.dense import unit
from store.options import Options
from store.records import Embedding

FEEDBACK_PASSAGES = 2  # that the question is moved to


@dataclass(frozen=True)
class Searches:
    """What one question can be searched with, all equally deep."""

    sparse: Callable[[float], Scores]  # by the weight of titles
    dense: Callable[[Embedding], Scores]
    embeddings: Callable[[Sequence[int]], Mapping[int, Embedding]]  # stored ones, by number


@dataclass(frozen=True)
class Ranking:
    """Fused scores, and those of the rankings that were fused first, by passage number."""

    fused: Scores
    sparse: Scores
    dense: Scores


def rank(searches: Searches, embedding: Embedding, options: Options) -> Ranking:
    """Search with a question's embedding (dimension,) and with its words, and fuse what was found."""
    sparse, dense = searches.sparse(options.title_weight), searches.dense(embedding)
    fuse, weights = FUSIONS[options.fusion], (options.dense_weight, 1 - options.dense_weight)
    fused = fuse((dense, sparse), weights)
    best = searches.embeddings(ordered(fused)[:FEEDBACK_PASSAGES]) if options.feedback else {}
    if best:
        near = searches.dense(moved(embedding, list(best.values()), options.feedback))
        fused = fuse((near, sparse), weights)
    return Ranking(fused, sparse, dense)


def moved(embedding: Embedding, towards: Sequence[Embedding], weight: float) -> Embedding:
    """A question's embedding (dimension,) at unit length, plus `weight` times the mean direction of others."""
    question, direction = unit(np.stack((embedding, unit(np.stack(towards)).mean(axis=0))))
    vector: Embedding = question + np.float32(weight) * direction
    return vector
