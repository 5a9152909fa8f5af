"""SQuAD's normalisation of answers: what counts as the same answer, in evaluation."""

import re
import string

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalize_answer(text: str) -> str:
    """Lower-case, drop ASCII punctuation, drop articles, collapse white space: in this order.

    (Rajpurkar et al. 2016, the official evaluation script.)
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())
