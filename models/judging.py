"""A question's passages, read in order, and what they say judged: the part of its way that all who answer share."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from models.answers import Candidate, merge
from models.confidence import Calibration, standings
from models.reader import Reader, Reading
from models.spans import Span


@dataclass(frozen=True)
class Judged:
    """What was read for a question."""

    candidates: list[Candidate]  # by falling margin
    confidences: list[float]  # of each, the probability that it is right
    no_answer_confidence: float
    passages_read: int
    whole: bool  # it was not time that ended the reading


def read_and_judge(
    reader: Reader,
    calibration: Calibration,
    question: str,
    texts: Sequence[str],
    homes: Sequence[tuple[str, int]],
    scores: Sequence[float | None],
    *,
    early_exit: bool = False,
    deadline: float | None = None,
) -> Judged:
    """Read passages by falling retrieval score, merge what they answer, and say how likely each answer is.

    Args:
        homes: each passage's document, and where it starts in that document's text, in code points.
        scores: of retrieval.
        early_exit: stop once no passage that is left can change the first answer (see `Calibration.settled`).
        deadline: on `time.perf_counter`; once it is over, no further passage is read, nor any a second time. The first
            one always is.
    """
    standing = standings(scores)

    def merged(spans: Sequence[list[Span]]) -> list[Candidate]:
        return merge(texts[: len(spans)], homes[: len(spans)], spans)

    readings: list[Reading] = []
    whole = True
    with closing(reader.stream(question, texts)) as stream:
        for reading in stream:
            readings.append(reading)
            whole = deadline is None or time.perf_counter() < deadline
            if not whole:
                break
            if early_exit and calibration.settled(merged([r.spans for r in readings]), standing, len(readings)):
                break
    candidates = merged(reader.look_closer(readings) if whole else [r.spans for r in readings])
    confidences, no_answer = calibration.judge(candidates, standing)
    return Judged(candidates, confidences, no_answer, len(readings), whole)
