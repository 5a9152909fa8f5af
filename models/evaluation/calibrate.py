"""`lector evaluate calibrate`: fit a reader's confidence on tuning files, and write it into its card."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.artifact import Artifact, load_artifact, write_card
from models.confidence import Calibration, features, log_odds
from models.encoder import Encoder
from models.evaluation.calibration import (
    Floats,
    best_threshold,
    expected_calibration_error,
    fit_logistic,
    risk_coverage,
)
from models.evaluation.open_domain import Asked, ask_all, build_corpus
from models.evaluation.squad import Question, read_squad
from models.reader import open_reader
from store.errors import InvalidInput

LEFT_OUT = 0.25  # share of contexts that are not in the corpus, whose questions have no answer there
RIGHT_F1 = 0.5  # an answer that shares this much with a reference is right
FEWEST = 50
CANDIDATES = 8  # of a question that the ranking is fitted on, by falling margin

Weights = dict[str, tuple[float, ...]]


def calibrate(
    files: Sequence[Path],
    reader: str,
    encoder: str,
    passages: int,
    threads: int,
    track: Callable[[Iterable[Question]], Iterable[Question]] = iter,
) -> dict[str, Any]:
    """Fit on one half of the contexts, measure on the other, and write the fit on both halves into the card.

    Raises:
        InvalidInput: the files hold too few questions to fit anything on.
    """
    artifact = load_artifact(reader, "reader")
    questions = [question for file in files for question in read_squad(file)]
    if len(questions) < FEWEST:
        raise InvalidInput(f"{len(questions)} questions are too few to calibrate on; give files with at least {FEWEST}")
    loaded = Encoder.load(encoder, threads)
    with tempfile.TemporaryDirectory() as folder:
        corpus = build_corpus(Path(folder) / "corpus", loaded, questions, LEFT_OUT)
        asked = ask_all(corpus, loaded, open_reader(artifact, threads), questions, LEFT_OUT, passages, track)
        corpus.close()
    halves = _halves([a for a in asked if a.candidates])
    fits = [_fit(half) for half in halves]
    measured = [_measure(fits[0], halves[1]), _measure(fits[1], halves[0])]
    weights, threshold = _fit(halves[0] + halves[1])
    report = {
        "questions": len(asked),
        "answerable": sum(a.answerable for a in asked),
        "held_out": {key: float(np.mean([m[key] for m in measured])) for key in ("ece", "accuracy", "decision")},
        "min_confidence": threshold,
        "risk_coverage": measured[0]["risk_coverage"],
    }
    _write(artifact, weights, threshold, report["held_out"])
    return report


def _halves(asked: Sequence[Asked]) -> tuple[list[Asked], list[Asked]]:
    contexts = {context: i for i, context in enumerate(dict.fromkeys(a.question.context for a in asked))}
    even = [a for a in asked if contexts[a.question.context] % 2 == 0]
    return even, [a for a in asked if contexts[a.question.context] % 2]


def _fit(asked: Sequence[Asked]) -> tuple[Weights, float]:
    """Weights of both functions, and the confidence below which refusing is better.

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
    answer = (shift + scale * ranking[0], *(scale * weight for weight in ranking[1:]))
    no_answer = fit_logistic([some[i] for some, i in zip(rows, first, strict=True)], [not a.answerable for a in asked])
    weights = {"answer": answer, "no_answer": no_answer}
    confidences, given_right, answerable = _arrays(weights, asked)
    return weights, round(best_threshold(confidences, given_right, answerable), 3)


def _measure(fit: tuple[Weights, float], asked: Sequence[Asked]) -> dict[str, Any]:
    weights, threshold = fit
    confidences, right, answerable = _arrays(weights, asked)
    given = confidences >= threshold
    coverage, risk = risk_coverage(confidences, right)
    steps = np.linspace(0, len(coverage) - 1, 50).astype(int)
    return {
        "ece": expected_calibration_error(confidences, right),
        "accuracy": float(right.mean()),
        "decision": float(np.where(given, right, 1 - answerable).mean()),
        "risk_coverage": [[round(float(coverage[i]), 4), round(float(risk[i]), 4)] for i in steps],
    }


def _arrays(weights: Weights, asked: Sequence[Asked]) -> tuple[Floats, Floats, Floats]:
    """The first answer's confidence, whether it is right, and whether there is an answer; each (questions,)."""
    calibration = Calibration(weights)
    confidences, right = [], []
    for one in asked:
        judged, _ = calibration.judge(one.candidates, one.standing)
        first = max(range(len(judged)), key=judged.__getitem__)
        confidences.append(judged[first])
        right.append(float(one.f1[first] >= RIGHT_F1))
    return np.array(confidences), np.array(right), np.array([float(one.answerable) for one in asked])


def _write(artifact: Artifact, weights: Weights, threshold: float, held_out: dict[str, float]) -> None:
    metrics = artifact.card.metrics | {f"calibration_{name}": round(value, 4) for name, value in held_out.items()}
    rounded = {name: tuple(round(w, 4) for w in row) for name, row in weights.items()}
    update = {"calibration": rounded, "min_confidence": threshold, "metrics": metrics}
    write_card(artifact.folder, artifact.card.model_copy(update=update))
