"""Exact match and F1 of answers, with SQuAD's normalisation (Rajpurkar et al. 2016, the official evaluation script)."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalize_answer(text: str) -> str:
    """Lower-case, drop ASCII punctuation, drop articles, collapse white space: in this order, as SQuAD does."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


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
