"""Exact match and F1 of answers, as in SQuAD's official evaluation script (Rajpurkar et al. 2016)."""

from collections import Counter
from collections.abc import Sequence

from models.normalization import normalize_answer

RIGHT_F1 = 0.5  # an answer that shares this much with a reference is right, where one has to decide


def exact_match(prediction: str, reference: str) -> float:
    return float(normalize_answer(prediction) == normalize_answer(reference))


def f1(prediction: str, reference: str) -> float:
    """Harmonic mean of token precision and recall; an empty side scores 1 only against another empty one."""
    predicted, expected = normalize_answer(prediction).split(), normalize_answer(reference).split()
    if not predicted or not expected:
        return float(predicted == expected)
    common = sum((Counter(predicted) & Counter(expected)).values())
    return 2 * common / (len(predicted) + len(expected))


def best_over_references(prediction: str, references: Sequence[str]) -> tuple[float, float]:
    """(EM, F1) against the best of the references; without references the right answer is the empty one."""
    references = references or [""]
    return max(exact_match(prediction, r) for r in references), max(f1(prediction, r) for r in references)
