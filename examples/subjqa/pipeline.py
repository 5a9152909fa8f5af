"""The whole way: a question about a product in, an answer from its reviews out."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from examples.subjqa.data import Pair, queries, texts
from examples.subjqa.retriever import TEST_REVIEWS
from models.evaluation.answers import best_over_references
from models.evaluation.corpus import indexed
from models.evaluation.terminal import Track, silently
from models.pipeline import QuestionAnswerer
from models.settings import Settings

REVIEWS_READ = 10
TOP_K = 3


def measure_pipeline(settings: Settings, test: Sequence[Pair], index: Path, track: Track = silently) -> dict[str, Any]:
    """EM and F1 in percent over the questions that have an answer, asked of their product's reviews in the test split.

    "top_1" is the first answer, "top_3" the best of three, nothing being refused, as the tutorial counts. But where no
    review that answers was retrieved, the tutorial leaves a question out; here it counts.
    """
    answerer = QuestionAnswerer.load(settings)
    asked = [query for query in queries(test) if query.answers]
    scores: list[list[tuple[float, float]]] = []
    ms: list[float] = []
    with indexed(TEST_REVIEWS, texts(test), answerer.encoder, index, track) as collection:
        for query in track(asked, f"asking {answerer.name}"):
            outcome = answerer.ask(
                collection,
                query.text,
                filters=query.filters,
                passages=REVIEWS_READ,
                top_k=TOP_K,
                min_confidence=0.0,
            )
            scores.append([best_over_references(answer.text, query.answers) for answer in outcome.answers])
            ms.append(outcome.timings.total)
    return {
        "n": len(asked),
        "top_1": _means([of_one[:1] for of_one in scores]),
        "top_3": _means(scores),
        "median_ms": round(median(ms), 1),
    }


def _means(scores: Sequence[Sequence[tuple[float, float]]]) -> dict[str, float]:
    """Mean of each question's best EM and best F1, in percent; 0 where nothing was answered."""
    best = [np.max([(0.0, 0.0), *of_one], axis=0) for of_one in scores]
    em, f1 = (100 * np.mean(best, axis=0)).round(2).tolist()
    return {"em": em, "f1": f1}
