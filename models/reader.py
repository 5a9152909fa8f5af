"""The reader: a question and passages in, spans out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from models.spans import Logits, Span, best_spans, drop_overlaps, null_score
from models.windows import PairTemplate, Window, cut, question_ids, tokenize

LogitPair = tuple[Logits, Logits]  # start and end logits, each (windows, longest window)
Network = Callable[[Sequence[Window]], LogitPair]


@dataclass(frozen=True)
class ReaderSettings:
    """How passages are read; lengths in tokens."""

    max_length: int = 384
    doc_stride: int = 128
    max_answer_tokens: int = 30
    spans_per_passage: int = 5
    batch_tokens: int = 4096  # padding included


@dataclass(frozen=True)
class Reading:
    """What one passage says: its best spans, best first, and the null score of its best window."""

    spans: tuple[Span, ...]
    null_score: float


class Reader:
    """Finds spans with any network that gives start and end logits for windows."""

    def __init__(self, tokenizer: Tokenizer, network: Network, settings: ReaderSettings) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        self._network = network
        self._template = PairTemplate.of(tokenizer)

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """Read passages for the answer to a question: one `Reading` for each, in order."""
        return self.read_pairs([(question, passages)])[0]

    def read_pairs(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[list[Reading]]:
        """Read for several questions, each with its own passages, in shared batches of nearly equal length."""
        texts = list(dict.fromkeys(text for _, passages in pairs for text in passages))
        tokenized = dict(zip(texts, tokenize(self._tokenizer, texts), strict=True))
        settings = self.settings
        windows: list[tuple[int, Window]] = []
        for number, (question, passages) in enumerate(pairs):
            ids = question_ids(self._tokenizer, question)
            parts = [tokenized[text] for text in passages]
            cuts = cut(self._template, ids, parts, settings.max_length, settings.doc_stride)
            windows.extend((number, window) for window in cuts)
        found: list[list[list[Span]]] = [[[] for _ in passages] for _, passages in pairs]
        nulls = [[np.inf] * len(passages) for _, passages in pairs]
        for batch in _batches(windows, settings.batch_tokens):
            starts, ends = self._network([window for _, window in batch])
            for row, (number, window) in enumerate(batch):
                passage = tokenized[pairs[number][1][window.passage]]
                found[number][window.passage] += best_spans(
                    starts[row], ends[row], window, passage, settings.max_answer_tokens, settings.spans_per_passage
                )
                null = null_score(starts[row], ends[row])
                nulls[number][window.passage] = min(nulls[number][window.passage], null)
        return [
            [Reading(tuple(drop_overlaps(spans)[: settings.spans_per_passage]), null) for spans, null in zip(*both, strict=True)]
            for both in zip(found, nulls, strict=True)
        ]


def _batches(windows: list[tuple[int, Window]], batch_tokens: int) -> list[list[tuple[int, Window]]]:
    batches: list[list[tuple[int, Window]]] = []
    for item in sorted(windows, key=lambda w: -len(w[1])):  # the first of a batch is its longest
        if not batches or len(batches[-1][0][1]) * (len(batches[-1]) + 1) > batch_tokens:
            batches.append([])
        batches[-1].append(item)
    return batches
