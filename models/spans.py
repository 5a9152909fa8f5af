"""From logits to spans: pure functions on arrays.

A span's score is `start_logit + end_logit - null_score`, its margin over the window's own null score
`start_logit[0] + end_logit[0]` (the [CLS] position). Raw logits of two windows cannot be compared, since each window
was trained with its own softmax; their margins can, because every window holds the same null token.
(SQuAD 2.0 decoding after Devlin et al. 2019, section 4.3; across passages after Clark & Gardner 2018.)

A margin is low where a window holds no answer, and also where the network hesitates between several. Whether there is
one at all is told better by the window's answer odds, to which every token adds.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.windows import Passage, Window

Logits = NDArray[np.float32]

_PAIRS = (('"', '"'), ("“", "”"), ("(", ")"), ("[", "]"), ("{", "}"))
_MARK = re.compile(f"[{re.escape(''.join(opening + closing for opening, closing in _PAIRS))}]")


@dataclass(frozen=True)
class Span:
    """A piece of a passage: code points [start, end), and what speaks for it."""

    start: int
    end: int
    score: float  # margin over its window's null score, in logits
    answer_odds: float  # log-odds, of its window
    coverage: float = 1.0  # share of the question that stands around it, once a reader has looked (models.coverage)


def null_score(start_logits: Logits, end_logits: Logits) -> float:
    """The score of "no answer in this window": both logits (length,) at position 0."""
    return float(start_logits[0] + end_logits[0])


def answer_odds(start_logits: Logits, end_logits: Logits, window: Window) -> float:
    """Log-odds that the window holds an answer: of its start and of its end being in the passage, not at position 0,
    summed. A span's margin is this, plus the logarithm of its share among the spans."""
    logits = slice(window.at, window.at + window.count)
    return float(sum(np.logaddexp.reduce(some[logits]) - some[0] for some in (start_logits, end_logits)))


def with_closer_look(logits: Logits, window: Window, closer_logits: Logits, closer: Window) -> Logits:
    """A window's logits (length,) over its null logit; of the tokens that `closer` holds too, the mean of both windows'
    logits, each over its own null logit."""
    first = max(window.first, closer.first)
    end = max(first, min(window.first + window.count, closer.first + closer.count))
    here, there = (slice(w.at + first - w.first, w.at + end - w.first) for w in (window, closer))
    over_null: Logits = logits - logits[0]
    over_null[here] = (over_null[here] + closer_logits[there] - closer_logits[0]) / 2
    return over_null


def best_spans(
    start_logits: Logits,
    end_logits: Logits,
    window: Window,
    passage: Passage,
    max_answer_tokens: int,
    top_k: int,
) -> list[Span]:
    """The `top_k` best spans of one window, best first: inside the passage, of whole words, start <= end, not too long.

    `start_logits` and `end_logits`: (>= length,); what lies behind the window's length is padding and is not looked at.
    """
    part = slice(window.first, window.first + window.count)
    logits = slice(window.at, window.at + window.count)
    starts = np.where(passage.starts_word[part], start_logits[logits], -np.inf)  # (count,)
    ends = np.where(passage.ends_word[part], end_logits[logits], -np.inf)  # (count,)
    length = min(max_answer_tokens, window.count)
    from_, to = passage.offsets[part, 0], passage.offsets[part, 1]  # (count,)
    scores = starts[:, None] + _ahead(ends, length, -np.inf)  # (count, length)
    if np.any(from_ >= to):  # a byte-level token of white space has no width
        scores[from_[:, None] >= _ahead(to, length, -1)] = -np.inf
    flat = scores.ravel()
    top = np.argpartition(-flat, min(top_k, flat.size) - 1)[:top_k]
    top = top[np.argsort(-flat[top], kind="stable")]
    null, odds = null_score(start_logits, end_logits), answer_odds(start_logits, end_logits, window)
    spans = []
    for index in top[np.isfinite(flat[top])]:
        first, extra = divmod(int(index), length)
        start = passage.offsets[window.first + first, 0]
        end = passage.offsets[window.first + first + extra, 1]
        spans.append(Span(int(start), int(end), float(flat[index]) - null, odds))
    return spans


def _ahead(values: NDArray[Any], length: int, beyond: float) -> NDArray[Any]:
    """Each value and the `length - 1` after it: (count, length)."""
    padded = np.concatenate([values, np.full(length - 1, beyond)])
    return np.lib.stride_tricks.sliding_window_view(padded, length)


def close_quotes(text: str, span: Span) -> Span:
    """The span with the mark beside it whose counterpart it holds: `raise" statement` gains the mark before."""
    start, end = span.start, span.end
    if not _MARK.search(text, start, end):
        return span
    for opening, closing in _PAIRS:
        inside = text[start:end]
        extra = inside.count(closing) - inside.count(opening) if opening != closing else inside.count(opening) % 2
        if extra > 0 and start > 0 and text[start - 1] == opening:
            start -= 1
        elif extra and text[end : end + 1] == closing and (extra < 0 or opening == closing):
            end += 1
    return replace(span, start=start, end=end)


def drop_overlaps(spans: list[Span]) -> list[Span]:
    """Keep the best of spans that overlap, best first; a span seen by two windows counts once."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (-s.score, s.start, s.end)):
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return kept
