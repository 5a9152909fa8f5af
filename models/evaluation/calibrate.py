"""`lector evaluate calibrate`: fit a reader's confidence on tuning files, and write it into its card."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.artifact import Artifact, load_artifact, write_card
from models.confidence import REFUSED_FROM, Calibration, features, log_odds
from models.encoder import Encoder
from models.evaluation.calibration import (
    Floats,
    expected_calibration_error,
    fit_logistic,
    risk_coverage,
)
from models.evaluation.open_domain import Asked, ask_all, build_corpus
from models.evaluation.squad import Question, read_squad, spread
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
    limit: int | None = None,
    track: Callable[[Iterable[Question]], Iterable[Question]] = iter,
) -> dict[str, Any]:
    """Fit on one half of the contexts, measure on the other, and write the fit on both halves into the card.

    Raises:
        InvalidInput: the files hold too few questions to fit anything on.
    """
    artifact = load_artifact(reader, "reader")
    questions = [question for file in files for question in spread(read_squad(file), limit)]
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
    report = {
        "questions": len(asked),
        "answerable": sum(a.answerable for a in asked),
        "held_out": {key: float(np.mean([m[key] for m in measured])) for key in ("ece", "accuracy", "f1")},
        "risk_coverage": measured[0]["risk_coverage"],
    }
    _write(artifact, _fit(halves[0] + halves[1]), report["held_out"])
    return report


def _halves(asked: Sequence[Asked]) -> tuple[list[Asked], list[Asked]]:
    contexts = {context: i for i, context in enumerate(dict.fromkeys(a.question.context for a in asked))}
    even = [a for a in asked if contexts[a.question.context] % 2 == 0]
    return even, [a for a in asked if contexts[a.question.context] % 2]


def _fit(asked: Sequence[Asked]) -> Weights:
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
    answer = (shift + scale * ranking[0], *(scale * weight for weight in ranking[1:]))
    no_answer = fit_logistic([some[i] for some, i in zip(rows, first, strict=True)], [not a.answerable for a in asked])
    return {"answer": answer, "no_answer": no_answer}


def _measure(weights: Weights, asked: Sequence[Asked]) -> dict[str, Any]:
    """On questions that the weights have not seen; F1 counts a right refusal as 1, as SQuAD 2.0 does."""
    confidences, no_answers, f1 = _judged(weights, asked)
    right = (f1 >= RIGHT_F1).astype(np.float64)
    answerable = np.array([float(one.answerable) for one in asked])
    coverage, risk = risk_coverage(confidences, right)
    steps = np.linspace(0, len(coverage) - 1, 50).astype(int)
    return {
        "ece": expected_calibration_error(confidences, right),
        "accuracy": float(right.mean()),
        "f1": float(np.where(no_answers < REFUSED_FROM, f1, 1 - answerable).mean()),
        "risk_coverage": [[round(float(coverage[i]), 4), round(float(risk[i]), 4)] for i in steps],
    }


def _judged(weights: Weights, asked: Sequence[Asked]) -> tuple[Floats, Floats, Floats]:
    """The first answer's confidence, the probability of no answer, and the first answer's F1; each (questions,)."""
    calibration = Calibration(weights)
    confidences, no_answers, f1 = [], [], []
    for one in asked:
        judged, no_answer = calibration.judge(one.candidates, one.standing)
        no_answers.append(no_answer)
        first = max(range(len(judged)), key=judged.__getitem__)
        confidences.append(judged[first])
        f1.append(one.f1[first])
    return np.array(confidences), np.array(no_answers), np.array(f1)


def _write(artifact: Artifact, weights: Weights, held_out: dict[str, float]) -> None:
    metrics = artifact.card.metrics | {f"calibration_{name}": round(value, 4) for name, value in held_out.items()}
    rounded = {name: tuple(round(w, 4) for w in row) for name, row in weights.items()}
    update = {"calibration": rounded, "metrics": metrics}
    write_card(artifact.folder, artifact.card.model_copy(update=update))
