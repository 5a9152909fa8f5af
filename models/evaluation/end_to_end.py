"""Questions asked of a whole corpus, as in service: what was answered, and which part failed where that is wrong."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from models.answers import merge
from models.confidence import Calibration, kept, standings
from models.encoder import Encoder
from models.evaluation.answers import RIGHT_F1, best_over_references
from models.evaluation.judgements import Query
from models.evaluation.resampling import bootstrap_intervals
from models.evaluation.terminal import Track, silently
from models.normalization import normalize_answer
from models.reader import Reader
from models.retrieval import Retrieved, RetrieverName, retrieve
from models.spans import Span
from store.collection import Collection

Failure = Literal["not_retrieved", "not_read", "not_first", "wrongly_refused", "wrongly_answered"]
FAILURES: tuple[Failure, ...] = get_args(Failure)


@dataclass(frozen=True)
class Verdict:
    """What was answered, and what the references say of it."""

    answer: str  # the most confident one, shown or not; empty where no span was found
    confidence: float  # of that answer
    no_answer_confidence: float
    answered: bool  # whether it was shown
    em: float  # of what was shown
    f1: float
    failure: Failure | None  # None where it is right


@dataclass(frozen=True)
class Asked:
    """A question, answered from each number of passages."""

    query: Query
    context_rank: int | None  # of its own context among the passages, from 1
    encode_ms: float
    retrieve_ms: float
    read_ms: Mapping[int, float]  # by number of passages
    verdicts: Mapping[int, Verdict]  # by number of passages


def ask(
    collection: Collection,
    encoder: Encoder,
    reader: Reader,
    calibration: Calibration,
    retriever: RetrieverName,
    queries: Sequence[Query],
    passages: Sequence[int],
    track: Track = silently,
) -> list[Asked]:
    """Answer each question from its best passages, for several numbers of them.

    They are retrieved once, as many as the largest number, and each is read once; what fewer passages give is known
    from the first of them, and from a closer look at these alone. So is how long that takes, if the reader's threads,
    which read ahead, are left aside.
    """
    asked = []
    for query in track(queries, retriever):
        retrieval = retrieve(collection, encoder, query.text, max(passages), retriever, query.filters)
        found = retrieval.passages
        began = time.perf_counter()
        readings, after = [], [0.0]
        for reading in reader.stream(query.text, [r.passage.text for r in found]):
            readings.append(reading)
            after.append(1000 * (time.perf_counter() - began))
        read_ms, verdicts = {}, {}
        for n in passages:
            count = min(n, len(found))
            began = time.perf_counter()
            spans = reader.look_closer(readings[:count])
            read_ms[n] = after[count] + 1000 * (time.perf_counter() - began)
            verdicts[n] = judge(query, found[:count], spans, calibration)
        rank = next((rank for rank, retrieved in enumerate(found, 1) if _is_own(query, retrieved)), None)
        asked.append(Asked(query, rank, retrieval.encode_ms, retrieval.retrieve_ms, read_ms, verdicts))
    return asked


def judge(
    query: Query, found: Sequence[Retrieved], spans: Sequence[Sequence[Span]], calibration: Calibration
) -> Verdict:
    """What the spans of these passages give for an answer, and whether it is right.

    EM and F1 are of the best reference; to a question without any, a refusal is the right answer, as in SQuAD 2.0.
    """
    candidates = merge(
        [r.passage.text for r in found], [(r.passage.document.id, r.passage.start) for r in found], spans
    )
    confidences, no_answer = calibration.judge(candidates, standings([r.score for r in found]))
    references = [answer for answer in query.answers if normalize_answer(answer)]
    ranked = [candidates[i].text for i in kept(confidences, no_answer, min_confidence=0)]
    refused = not kept(confidences, no_answer, min_confidence=None)
    em, f1 = best_over_references("" if refused else ranked[0], references)
    right = [best_over_references(text, references)[1] >= RIGHT_F1 for text in ranked]
    retrieved = any(_is_own(query, r) for r in found)
    failure = failure_of(bool(query.answers), refused, right, retrieved)
    answer, confidence = (ranked[0], max(confidences)) if ranked else ("", 0.0)
    return Verdict(answer, confidence, no_answer, not refused, em, f1, failure)


def _is_own(query: Query, retrieved: Retrieved) -> bool:
    """Whether a passage, or a copy that it stands for, is of the question's own context."""
    return any(passage.document.id in query.relevant for passage in (retrieved.passage, *retrieved.copies))


def failure_of(answerable: bool, refused: bool, right: Sequence[bool], retrieved: bool) -> Failure | None:
    """Which part failed; None where the question was answered rightly, or refused rightly.

    Args:
        answerable: the question has an answer in the corpus.
        refused: none was shown.
        right: of each answer that was read, the most confident first, whether it is right.
        retrieved: the question's own context is among the passages.
    """
    if not answerable:
        return None if refused else "wrongly_answered"
    if right and right[0]:
        return "wrongly_refused" if refused else None
    if any(right):
        return "not_first"
    return "not_read" if retrieved else "not_retrieved"


def figures(asked: Sequence[Asked], passages: Sequence[int]) -> dict[str, Any]:
    """Of one retriever: latencies, and by number of passages EM and F1 (percent), what was answered, what failed."""
    return {
        "latency_ms": {
            "encode": _spread(a.encode_ms for a in asked),
            "retrieve": _spread(a.retrieve_ms for a in asked),
        },
        "passages": {str(n): _figures(asked, n) for n in passages},
    }


def _figures(asked: Sequence[Asked], n: int) -> dict[str, Any]:
    verdicts = [a.verdicts[n] for a in asked]
    unanswerable = [a.verdicts[n] for a in asked if not a.query.answers]
    scores = 100 * np.array([(v.em, v.f1) for v in verdicts])
    means, intervals = scores.mean(axis=0).round(2).tolist(), bootstrap_intervals(scores).round(2).tolist()
    retrieved = [a.context_rank is not None and a.context_rank <= n for a in asked if a.query.answers]
    failures = Counter(v.failure for v in verdicts)
    return {
        "em": means[0],
        "f1": means[1],
        "intervals": {"em": intervals[0], "f1": intervals[1]},
        "answered": _share([v.answered for v in verdicts]),
        "context_retrieved": _share(retrieved),
        **({"no_answer_accuracy": _share([not v.answered for v in unanswerable])} if unanswerable else {}),
        "right": failures[None],
        "failures": {failure: failures[failure] for failure in FAILURES},
        "latency_ms": {
            "read": _spread(a.read_ms[n] for a in asked),
            "total": _spread(a.encode_ms + a.retrieve_ms + a.read_ms[n] for a in asked),
        },
    }


def line(asked: Mapping[str, Asked]) -> dict[str, Any]:
    """One question as each retriever's passages answered it, for a line of JSON."""
    query = next(iter(asked.values())).query
    by_retriever = {
        retriever: {
            "context_rank": one.context_rank,
            "encode_ms": round(one.encode_ms, 2),
            "retrieve_ms": round(one.retrieve_ms, 2),
            "passages": {
                str(n): {**_rounded(asdict(verdict)), "read_ms": round(one.read_ms[n], 2)}
                for n, verdict in one.verdicts.items()
            },
        }
        for retriever, one in asked.items()
    }
    return {"id": query.id, "question": query.text, "answers": query.answers, "retrievers": by_retriever}


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _share(flags: Sequence[bool]) -> float:
    return round(sum(flags) / len(flags), 4) if flags else 0.0


def _spread(ms: Iterable[float]) -> dict[str, float]:
    median, slow = np.percentile(list(ms), (50, 95)).round(1).tolist()
    return {"p50": median, "p95": slow}
