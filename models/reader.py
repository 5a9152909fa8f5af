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
CLOSER_LOOKS = 2  # at most, for a question, into the passages with the highest margins
CLOSER_WITHIN = 3.0  # logits; not into a passage whose margin is further below the highest one
CLOSER_FROM = -4.0  # logits; nor into one whose margin is lower


@dataclass(frozen=True)
class ReaderSettings:
    """How passages are read; lengths in tokens."""

    max_length: int = 384
    doc_stride: int = 128
    max_answer_tokens: int = 30
    spans_per_passage: int = 5
    closer_look: int = 48  # on either side of a likely span, where that is read again; 0 reads once


@dataclass(frozen=True)
class _Task:
    """A question and one of its passages, not read yet."""

    words: set[str]  # of the question
    question: NDArray[np.int64]  # its token ids, (<= 64,)
    text: str
    passage: Passage
    windows: list[Window]


@dataclass(frozen=True)
class Reading:
    """One passage, as it was read for a question."""

    task: _Task
    logits: list[tuple[Logits, Logits]]  # of its windows
    spans: list[Span]  # best first, without overlaps; none where the passage has no word


class Reader:
    """Finds spans with any network that gives start and end logits for windows."""

    def __init__(self, tokenizer: Tokenizer, network: Network, settings: ReaderSettings) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        self._network = network
        self._template = PairTemplate.of(tokenizer)

    def read(self, question: str, passages: Sequence[str]) -> list[list[Span]]:
        """The best spans of each passage, best first and without overlaps; none for a passage without a word."""
        return self.look_closer(list(self.stream(question, passages)))

    def stream(self, question: str, passages: Sequence[str]) -> Generator[Reading]:
        """Each passage as soon as it is read, for `look_closer`. Whoever has seen enough closes the iterator, and the
        rest is left unread."""
        return self._readings(self._tasks([(question, passages)]))

    def look_closer(self, readings: Sequence[Reading]) -> list[list[Span]]:
        """The spans of one question's passages, after a second reading of what stands around the likeliest ones."""
        return self._look_closer([readings])[0]

    def read_pairs(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[list[list[Span]]]:
        """`read` for several questions at once, each with its own passages."""
        readings = self._readings(self._tasks(pairs))
        return self._look_closer([[next(readings) for _ in passages] for _, passages in pairs])

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

    def _readings(self, tasks: Sequence[_Task]) -> Generator[Reading]:
        rest = iter(self._network([window for task in tasks for window in task.windows]))
        for task in tasks:
            logits = [both for _, both in zip(task.windows, rest, strict=False)]
            yield Reading(task, logits, self._best(task, logits))

    def _best(self, task: _Task, logits: Sequence[tuple[Logits, Logits]]) -> list[Span]:
        """The best spans of all windows together, best first and without overlaps."""
        longest = self.settings.max_answer_tokens
        found = [
            close_quotes(task.text, span)
            for window, (starts, ends) in zip(task.windows, logits, strict=True)
            for span in best_spans(starts, ends, window, task.passage, longest, SPANS_OF_WINDOW)
        ]
        best = drop_overlaps(found)[: self.settings.spans_per_passage]
        return [replace(span, coverage=coverage(task.words, task.text, span.start, span.end)) for span in best]

    def _look_closer(self, questions: Sequence[Sequence[Reading]]) -> list[list[list[Span]]]:
        """`look_closer` for several questions at once.

        What a network makes of an answer depends on what else its window holds: the mean of both is better than either.
        """
        spans = [[reading.spans for reading in readings] for readings in questions]
        places = [(q, p) for q, readings in enumerate(questions) for p in self._likeliest(readings)]
        closer = [(q, p, window) for q, p in places if (window := self._around(questions[q][p]))]
        for (q, p, narrow), (starts, ends) in zip(closer, self._network([w for *_, w in closer]), strict=True):
            task, logits = questions[q][p].task, questions[q][p].logits
            mixed = [
                (with_closer_look(s, wide, starts, narrow), with_closer_look(e, wide, ends, narrow))
                for wide, (s, e) in zip(task.windows, logits, strict=True)
            ]
            spans[q][p] = self._best(task, mixed)
        return spans

    def _likeliest(self, readings: Sequence[Reading]) -> list[int]:
        """Which passages of one question are worth a closer look."""
        if not self.settings.closer_look:
            return []
        best = {number: reading.spans[0].score for number, reading in enumerate(readings) if reading.spans}
        least = max(CLOSER_FROM, max(best.values(), default=CLOSER_FROM) - CLOSER_WITHIN)
        likeliest = sorted(best, key=lambda number: -best[number])[:CLOSER_LOOKS]
        return [number for number in likeliest if best[number] >= least]

    def _around(self, reading: Reading) -> Window | None:
        """A narrower window around a passage's best span; None where that fills its window already."""
        task, span, around = reading.task, reading.spans[0], self.settings.closer_look
        offsets = task.passage.offsets
        (within,) = np.nonzero((offsets[:, 0] < span.end) & (offsets[:, 1] > span.start))
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
