"""The reader: a question and passages in, spans out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from models.artifact import Artifact, load_artifact
from models.network import OnnxNetwork
from models.spans import Logits, Span, best_spans, close_quotes, drop_overlaps
from models.windows import PairTemplate, Window, cut, question_ids, tokenize

Network = Callable[[Sequence[Window]], Sequence[tuple[Logits, Logits]]]  # start and end logits (length,) of each window


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
        return self.read_pairs([(question, passages)])[0]

    def read_pairs(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[list[list[Span]]]:
        """`read` for several questions, each with its own passages; a text that occurs twice is tokenised once."""
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
        logits = self._network([window for _, window in windows])
        for (number, window), (starts, ends) in zip(windows, logits, strict=True):
            passage = tokenized[pairs[number][1][window.passage]]
            spans = best_spans(starts, ends, window, passage, settings.max_answer_tokens, SPANS_OF_WINDOW)
            text = pairs[number][1][window.passage]
            found[number][window.passage] += [close_quotes(text, span) for span in spans]
        return [[drop_overlaps(spans)[: settings.spans_per_passage] for spans in passages] for passages in found]


def load_reader(name: str, threads: int = 0) -> Reader:
    """The reader of that name or directory; errors as of `load_artifact`."""
    return open_reader(load_artifact(name, "reader"), threads)


def open_reader(artifact: Artifact, threads: int = 0) -> Reader:
    """A reader on ONNX Runtime, with the settings that its card names."""
    network = OnnxNetwork(artifact.model_path, threads)

    def logits(windows: Sequence[Window]) -> list[tuple[Logits, Logits]]:
        return [(start, end) for start, end in network.run([(w.ids, w.types) for w in windows])]

    return Reader(artifact.tokenizer, logits, artifact.settings(ReaderSettings))
