"""`lector evaluate calibrate`: fit a reader's confidence on tuning files, and write it into its card."""

import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.answers import Candidate
from models.artifact import Artifact, write_card
from models.confidence import REFUSED_FROM, Calibration, features, log_odds
from models.encoder import Encoder
from models.evaluation.answers import RIGHT_F1
from models.evaluation.calibration import (
    Floats,
    calibration_error_by_chance,
    expected_calibration_error,
    fit_logistic,
    log_loss,
    reliability,
    risk_coverage,
)
from models.evaluation.open_domain import Asked, ask_all, build_corpus
from models.evaluation.seen import untrained
from models.evaluation.squad import read_squad, spread
from models.evaluation.terminal import Track, silently
from models.normalization import normalize_answer
from models.reader import open_reader
from store.errors import InvalidInput

LEFT_OUT = 0.25  # share of contexts that are not in the corpus, whose questions have no answer there
FEWEST = 50
FOLDS = 5
CANDIDATES = 8  # of a question that the ranking is fitted on, by falling margin
MARGIN_LIMITS = range(-10, 41)  # logits; those that are tried
CHANGED = 0.01  # share of first answers that reading no further than the margin limit asks for may change
CURVE_POINTS = 50
LEAST_SCALE = 1e-3

Weights = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Judged:
    """What was said of questions, and what is true of them: arrays (questions,)."""

    confidence: Floats  # of the first answer
    no_answer: Floats  # probability
    f1: Floats  # of the first answer
    answerable: Floats  # 1 where the corpus holds the answer, else 0

    @property
    def right(self) -> Floats:
        return (self.f1 >= RIGHT_F1).astype(np.float64)


def calibrate(
    files: Sequence[Path],
    artifact: Artifact,
    encoder: str,
    passages: int,
    threads: int,
    limit: int | None = None,
    track: Track = silently,
) -> dict[str, Any]:
    """Fit on all questions and write that into the card; report how such a fit does on questions it has not seen.

    For the report, contexts are dealt into five folds; each fold's questions are judged by a fit on the other four, and
    all are measured together.

    Raises:
        InvalidInput: the files hold too few questions to fit anything on, or the reader was trained on one of them.
    """
    questions = [q for file in files for q in spread(untrained(read_squad(file), file, artifact), limit)]
    if len(questions) < FEWEST:
        raise InvalidInput(f"{len(questions)} questions are too few to calibrate on; give files with at least {FEWEST}")
    loaded = Encoder.load(encoder, threads)
    with tempfile.TemporaryDirectory() as folder:
        corpus = build_corpus(Path(folder) / "corpus", loaded, questions, LEFT_OUT)
        opened, steps = open_reader(artifact, threads), track(questions, "questions")
        asked = ask_all(corpus, loaded, opened, steps, LEFT_OUT, passages)
        corpus.close()
    asked = [a for a in asked if a.candidates]
    weights = fit(asked)
    early_exit = fit_margin_limit(weights, asked)
    weights["margin_limit"] = (early_exit["margin_limit"],)
    report: dict[str, Any] = {
        "questions": len(asked),
        "answerable": sum(a.answerable for a in asked),
        "passages": passages,
    }
    report |= measure(judge_held_out(asked)) | {"early_exit": early_exit}
    _write(artifact, weights, report["held_out"])
    return report


def judge_held_out(asked: Sequence[Asked]) -> Judged:
    """Every question judged by a fit on the folds that its context is not in, in the order of the folds."""
    numbers = {context: i for i, context in enumerate(dict.fromkeys(a.question.context for a in asked))}
    folds: list[list[Asked]] = [[] for _ in range(FOLDS)]
    for one in asked:
        folds[numbers[one.question.context] % FOLDS].append(one)
    rows: list[tuple[float, ...]] = []
    for fold in folds:
        rows += _judge(fit([one for other in folds if other is not fold for one in other]), fold)
    confidence, no_answer, f1, answerable = np.array(rows).T
    return Judged(confidence, no_answer, f1, answerable)


def measure(judged: Judged) -> dict[str, Any]:
    """Figures and curves of the report; F1 counts a right refusal as 1, as SQuAD 2.0 does."""
    confidence, right = judged.confidence, judged.right
    no_answer, unanswerable = judged.no_answer, 1 - judged.answerable
    coverage, risk = risk_coverage(confidence, right)
    points = np.linspace(0, len(coverage) - 1, CURVE_POINTS).astype(int)
    return {
        "held_out": {
            "ece": expected_calibration_error(confidence, right),
            "ece_by_chance": calibration_error_by_chance(confidence),
            "log_loss": log_loss(confidence, right),
            "aurc": float(risk.mean()),
            "accuracy": float(right.mean()),
            "no_answer_ece": expected_calibration_error(no_answer, unanswerable),
            "no_answer_log_loss": log_loss(no_answer, unanswerable),
            "f1": float(np.where(no_answer < REFUSED_FROM, judged.f1, unanswerable).mean()),
        },
        "reliability": {"answer": reliability(confidence, right), "no_answer": reliability(no_answer, unanswerable)},
        "risk_coverage": [[round(float(coverage[i]), 4), round(float(risk[i]), 4)] for i in points],
    }


def fit(asked: Sequence[Asked]) -> Weights:
    """Weights of both functions.

    "answer" is fitted in two steps. Over all of a question's candidates, so that it ranks them; then its log-odds are
    scaled and shifted to fit the candidates that come out first, which is all that a user sees of it (Platt 1999).
    """
    rows = [features(a.candidates, a.standing)[:CANDIDATES] for a in asked]
    labels = [[f1 >= RIGHT_F1 for f1 in a.f1[:CANDIDATES]] for a in asked]
    ranking = fit_logistic([r for some in rows for r in some], [right for some in labels for right in some])
    first = [max(range(len(some)), key=lambda i: log_odds(ranking, some[i])) for some in rows]
    odds = [(1.0, log_odds(ranking, some[i])) for some, i in zip(rows, first, strict=True)]
    right = [some[i] for some, i in zip(labels, first, strict=True)]
    shift, scale = fit_logistic(odds, right)
    scale = max(scale, LEAST_SCALE)  # below 0 it would turn the ranking around
    answer = (shift + scale * ranking[0], *(scale * weight for weight in ranking[1:]))
    no_answer = fit_logistic([some[i] for some, i in zip(rows, first, strict=True)], [not a.answerable for a in asked])
    return {"answer": answer, "no_answer": no_answer}


def fit_margin_limit(weights: Weights, asked: Sequence[Asked]) -> dict[str, float]:
    """The lowest margin limit, in logits, with which an early exit changes at most `CHANGED` of the first answers.

    See `Calibration.settled`. Where even the highest that is tried changes more, it is that one.

    Returns:
        {"margin_limit", "passages_read": their mean, "changed": share of first answers}.
    """
    calibrations = [Calibration(weights | {"margin_limit": (float(limit),)}) for limit in MARGIN_LIMITS]
    exits = [_exits(calibrations, one) for one in asked]
    read, changed = (np.array(columns) for columns in zip(*exits, strict=True))  # each (questions, limits)
    shares = changed.mean(axis=0)
    low_enough = np.flatnonzero(shares <= CHANGED)
    chosen = int(low_enough[0]) if len(low_enough) else len(shares) - 1
    return {
        "margin_limit": float(MARGIN_LIMITS[chosen]),
        "passages_read": float(read[:, chosen].mean()),
        "changed": float(shares[chosen]),
    }


def _exits(calibrations: Sequence[Calibration], asked: Asked) -> tuple[list[int], list[bool]]:
    """By margin limit: how many passages are read, and whether the first answer is another than after all of them, both
    before a closer look."""
    everything = _first(calibrations[0], asked.after(len(asked.texts)), asked.standing)
    read, changed = [len(asked.texts)] * len(calibrations), [False] * len(calibrations)
    for count in range(len(asked.texts) - 1, 0, -1):
        candidates = asked.after(count)
        # A higher limit makes a stronger rival, so the reading ends here for all limits below one of them.
        ends = bisect_left(calibrations, True, key=lambda c: not c.settled(candidates, asked.standing, count))
        if ends:
            other = _first(calibrations[0], candidates, asked.standing) != everything
            read[:ends], changed[:ends] = [count] * ends, [other] * ends
    return read, changed


def _judge(weights: Weights, asked: Sequence[Asked]) -> list[tuple[float, ...]]:
    """One row a question, of what `Judged` holds."""
    calibration = Calibration(weights)
    rows: list[tuple[float, ...]] = []
    for one in asked:
        confidences, no_answer = calibration.judge(one.candidates, one.standing)
        first = max(range(len(confidences)), key=confidences.__getitem__)
        rows.append((confidences[first], no_answer, one.f1[first], float(one.answerable)))
    return rows


def _first(calibration: Calibration, candidates: Sequence[Candidate], standing: Sequence[float]) -> str:
    confidences, _ = calibration.judge(candidates, standing)
    return normalize_answer(candidates[max(range(len(confidences)), key=confidences.__getitem__)].text)


def _write(artifact: Artifact, weights: Weights, held_out: dict[str, float]) -> None:
    metrics = artifact.card.metrics | {f"calibration_{name}": round(value, 4) for name, value in held_out.items()}
    rounded = {name: tuple(round(w, 4) for w in row) for name, row in weights.items()}
    update = {"calibration": rounded, "metrics": metrics}
    write_card(artifact.folder, artifact.card.model_copy(update=update))
