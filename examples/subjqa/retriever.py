"""Whether a review that answers is found: by the published counting, and by a harder one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from examples.subjqa.data import Pair, queries, texts
from models.encoder import Encoder
from models.evaluation.corpus import indexed
from models.evaluation.judgements import Query, Text
from models.evaluation.rankings import OURS, Search, ours
from models.evaluation.retriever_report import figures
from models.evaluation.retriever_run import evaluate
from models.evaluation.terminal import Track, silently

AT = (1, 3, 5, 10, 20)
TEST_REVIEWS = "subjqa-test"  # the name of their collection
ALL_REVIEWS = "subjqa-all"

Recall = dict[str, dict[str, Any]]  # by retriever: "recall@k", and "intervals" with the same keys


def measure_retrievers(
    splits: Mapping[str, Sequence[Pair]], encoder: Encoder, index: Path, track: Track = silently
) -> dict[str, Any]:
    """Recall of each retriever on the test split's questions, in [0, 1], each asked of its own product's reviews.

    - "published": among the reviews of the test split; of all its questions, where one that has no answer counts as
      found. That is how the tutorial's `EvalDocuments` counts.
    - "answered": among the same reviews, only of the questions that have an answer.
    - "harder": among the reviews of all splits, only of the questions in which any annotator found an answer.
    """
    test = splits["test"]
    everything = [pair for pairs in splits.values() for pair in pairs]
    asked, asked_of_all = queries(test), [query for query in queries(test, everyone=True) if query.relevant]
    answered = [query for query in asked if query.relevant]
    recall = _recall(TEST_REVIEWS, texts(test), answered, encoder, index, track)
    return {
        "published": {
            "questions": len(asked),
            "reviews": len(texts(test)),
            "retrievers": with_unanswerable(recall, len(answered), len(asked)),
        },
        "answered": {"questions": len(answered), "reviews": len(texts(test)), "retrievers": recall},
        "harder": {
            "questions": len(asked_of_all),
            "reviews": len(texts(everything)),
            "retrievers": _recall(ALL_REVIEWS, texts(everything), asked_of_all, encoder, index, track),
        },
    }


def with_unanswerable(recall: Recall, answered: int, asked: int) -> Recall:
    """Recall over all questions, of which those without an answer count as found."""

    def moved(value: float) -> float:
        return round((value * answered + asked - answered) / asked, 4)

    return {
        name: {
            **{key: moved(value) for key, value in of_one.items() if key != "intervals"},
            "intervals": {key: [moved(low), moved(high)] for key, (low, high) in of_one["intervals"].items()},
        }
        for name, of_one in recall.items()
    }


def _recall(
    name: str, corpus: Sequence[Text], asked: Sequence[Query], encoder: Encoder, index: Path, track: Track
) -> Recall:
    """Of each retriever, the share of questions with a review that answers among the first k, and its interval."""
    with indexed(name, corpus, encoder, index, track) as collection:
        searches: dict[str, Search] = {retriever: ours(collection, encoder, retriever) for retriever in OURS}
        report = figures(evaluate(searches, asked, "document", AT, track))
    found: Recall = {}
    for retriever, of_one in report["retrievers"].items():
        hits = {f"recall@{k}": of_one[f"hit@{k}"] for k in AT}
        found[retriever] = {**hits, "intervals": {f"recall@{k}": of_one["intervals"][f"hit@{k}"] for k in AT}}
    return found
