"""The reader: a question and passages in, spans out."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.artifact import Artifact, load_artifact
from models.coverage import coverage, words
from models.network import OnnxNetwork
from models.spans import Logits, Span, best_spans, close_quotes, drop_overlaps, with_closer_look
from models.windows import PairTemplate, Passage, Window, cut, question_ids, tokenize, window_of

# Start and end logits (length,) of each window, in order; not computed further than they are asked for.
Network = Callable[[Sequence[Window]], Iterable[tuple[Logits, Logits]]]

SPANS_OF_WINDOW = 20  # looked at, before overlapping ones are dropped
CLOSER_FROM = -4.0  # logits; a passage whose best margin is lower is not worth a closer look


@dataclass(frozen=True)
class ReaderSettings:
    """How passages are read; lengths in tokens."""

    max_length: int = 384
    doc_stride: int = 128
    max_answer_tokens: int = 30
    spans_per_passage: int = 5
    closer_look: int = 48  # on either side of a passage's best span where it is read again; 0 reads once


@dataclass(frozen=True)
class _Task:
    """A question and one of its passages."""

    words: set[str]  # of the question
    question: NDArray[np.int64]  # its token ids, (<= 64,)
    text: str
    passage: Passage
    windows: list[Window]


class Reader:
    """Finds spans with any network that gives start and end logits for windows."""

    def __init__(self, tokenizer: Tokenizer, network: Network, settings: ReaderSettings) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        self._network = network
        self._template = PairTemplate.of(tokenizer)

    def read(self, question: str, passages: Sequence[str]) -> list[list[Span]]:
        """The best spans of each passage, best first and without overlaps; none for a passage without a word."""
        return list(self.stream(question, passages))

    def stream(self, question: str, passages: Sequence[str]) -> Generator[list[Span]]:
        """`read`, each passage as soon as it is read. Whoever has seen enough closes the iterator, and the rest is left
        unread."""
        return self._spans(self._tasks([(question, passages)]))

    def read_pairs(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[list[list[Span]]]:
        """`read` for several questions at once, each with its own passages."""
        spans = self._spans(self._tasks(pairs))
        return [[next(spans) for _ in passages] for _, passages in pairs]

    def _tasks(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[_Task]:
        """Each question with each of its passages; a text that occurs twice is tokenised once."""
        texts = list(dict.fromkeys(text for _, passages in pairs for text in passages))
        tokenized = dict(zip(texts, tokenize(self._tokenizer, texts), strict=True))
        tasks = []
        for question, passages in pairs:
            ids, asked = question_ids(self._tokenizer, question), words(question)
            for text in passages:
                passage = tokenized[text]
                windows = cut(self._template, ids, passage, self.settings.max_length, self.settings.doc_stride)
                tasks.append(_Task(asked, ids, text, passage, windows))
        return tasks

    def _spans(self, tasks: Sequence[_Task]) -> Generator[list[Span]]:
        logits = iter(self._network([window for task in tasks for window in task.windows]))
        for task in tasks:
            readings = [(window, *both) for window, both in zip(task.windows, logits, strict=False)]
            spans = self._best(task, readings)
            closer = self._closer(task, spans)
            if closer:
                ((starts, ends),) = self._network([closer])
                readings = [
                    (window, with_closer_look(s, window, starts, closer), with_closer_look(e, window, ends, closer))
                    for window, s, e in readings
                ]
                spans = self._best(task, readings)
            best = spans[: self.settings.spans_per_passage]
            yield [replace(span, coverage=coverage(task.words, task.text, span.start, span.end)) for span in best]

    def _best(self, task: _Task, readings: Sequence[tuple[Window, Logits, Logits]]) -> list[Span]:
        """The best spans of all windows together, best first and without overlaps."""
        longest = self.settings.max_answer_tokens
        found = [
            close_quotes(task.text, span)
            for window, starts, ends in readings
            for span in best_spans(starts, ends, window, task.passage, longest, SPANS_OF_WINDOW)
        ]
        return drop_overlaps(found)

    def _closer(self, task: _Task, spans: Sequence[Span]) -> Window | None:
        """A narrower window around the best span; None where that is unlikely, or fills its window already.

        What a network makes of an answer depends on what else its window holds: the mean of both is better than either.
        """
        around = self.settings.closer_look
        if not around or not spans or spans[0].score < CLOSER_FROM:
            return None
        offsets = task.passage.offsets
        (within,) = np.nonzero((offsets[:, 0] < spans[0].end) & (offsets[:, 1] > spans[0].start))
        first, end = max(0, within[0] - around), min(len(task.passage), within[-1] + 1 + around)
        if end - first >= max(window.count for window in task.windows):
            return None
        return window_of(self._template, task.question, task.passage, int(first), int(end))


def load_reader(name: str, threads: int = 0) -> Reader:
    """The reader of that name or directory; errors as of `load_artifact`."""
    return open_reader(load_artifact(name, "reader"), threads)


def open_reader(artifact: Artifact, threads: int = 0) -> Reader:
    """A reader on ONNX Runtime, with the settings that its card names."""
    network = OnnxNetwork(artifact.model_path, threads)

    def logits(windows: Sequence[Window]) -> Iterator[tuple[Logits, Logits]]:
        return ((start, end) for start, end in network.stream([(w.ids, w.types) for w in windows]))

    return Reader(artifact.tokenizer, logits, artifact.settings(ReaderSettings))
