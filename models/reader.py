"""The reader: a question and passages in, spans out."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tokenizers import Tokenizer

from models.artifact import Artifact, load_artifact
from models.coverage import coverage, words
from models.network import OnnxNetwork
from models.spans import Logits, Span, best_spans, close_quotes, drop_overlaps
from models.windows import PairTemplate, Passage, Window, cut, question_ids, tokenize

# Start and end logits (length,) of each window, in order; not computed further than they are asked for.
Network = Callable[[Sequence[Window]], Iterable[tuple[Logits, Logits]]]

SPANS_OF_WINDOW = 20  # looked at, before overlapping ones are dropped


@dataclass(frozen=True)
class ReaderSettings:
    """How passages are read; lengths in tokens."""

    max_length: int = 384
    doc_stride: int = 128
    max_answer_tokens: int = 30
    spans_per_passage: int = 5


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
        return self._spans(self._work([(question, passages)]))

    def read_pairs(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[list[list[Span]]]:
        """`read` for several questions at once, each with its own passages."""
        spans = self._spans(self._work(pairs))
        return [[next(spans) for _ in passages] for _, passages in pairs]

    def _work(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[tuple[set[str], str, Passage, list[Window]]]:
        """Each question's words and passages with their windows; a text that occurs twice is tokenised once."""
        texts = list(dict.fromkeys(text for _, passages in pairs for text in passages))
        tokenized = dict(zip(texts, tokenize(self._tokenizer, texts), strict=True))
        work = []
        for question, passages in pairs:
            ids, asked = question_ids(self._tokenizer, question), words(question)
            for text in passages:
                passage = tokenized[text]
                windows = cut(self._template, ids, passage, self.settings.max_length, self.settings.doc_stride)
                work.append((asked, text, passage, windows))
        return work

    def _spans(self, work: Sequence[tuple[set[str], str, Passage, list[Window]]]) -> Generator[list[Span]]:
        settings = self.settings
        logits = iter(self._network([window for *_, windows in work for window in windows]))
        for asked, text, passage, windows in work:
            found: list[Span] = []
            for window, (starts, ends) in zip(windows, logits, strict=False):
                spans = best_spans(starts, ends, window, passage, settings.max_answer_tokens, SPANS_OF_WINDOW)
                found += [close_quotes(text, span) for span in spans]
            best = drop_overlaps(found)[: settings.spans_per_passage]
            yield [replace(span, coverage=coverage(asked, text, span.start, span.end)) for span in best]


def load_reader(name: str, threads: int = 0) -> Reader:
    """The reader of that name or directory; errors as of `load_artifact`."""
    return open_reader(load_artifact(name, "reader"), threads)


def open_reader(artifact: Artifact, threads: int = 0) -> Reader:
    """A reader on ONNX Runtime, with the settings that its card names."""
    network = OnnxNetwork(artifact.model_path, threads)

    def logits(windows: Sequence[Window]) -> Iterator[tuple[Logits, Logits]]:
        return ((start, end) for start, end in network.stream([(w.ids, w.types) for w in windows]))

    return Reader(artifact.tokenizer, logits, artifact.settings(ReaderSettings))
