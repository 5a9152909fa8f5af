"""The encoder: texts in, embeddings out.

A bi-encoder embeds questions and passages so that the inner product of the two says how well they match. It is one
network for both, or a network for each, as in DPR (Karpukhin et al. 2020).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact, load_artifact
from models.network import OnnxNetwork
from store.errors import Damaged
from store.views import EncoderIdentity

Pooling = Literal["mean", "cls"]

Embeddings = NDArray[np.float32]  # (texts, dimension)


class TextEncoder(Protocol):
    """Anything that embeds questions and passages: an artifact, or a network that is being trained."""

    def encode_questions(self, questions: Sequence[str]) -> Embeddings:
        """Embeddings of questions, in order."""
        ...

    def encode(self, texts: Sequence[str], titles: Sequence[str] = ()) -> Embeddings:
        """Embeddings of passages, each with its document's title if titles are given, in order."""
        ...


@dataclass(frozen=True)
class EncoderSettings:
    """How texts are encoded."""

    dimension: int
    max_length: int = 256  # tokens; what a text has beyond them is not seen
    title_separator: str = "\n"  # between a title and its passage; DPR's is " [SEP] "
    question_prefix: str = ""  # what a question is put behind, such as E5's "query: "
    passage_prefix: str = ""  # and what a passage is, its title included
    pooling: Pooling = "mean"  # what the network ends in: the mean of its tokens' states, or the first token's
    normalize: bool = True  # and whether its embeddings are made to have unit length


class Encoder:
    """A bi-encoder as an artifact; its networks end in pooling and, where the card says so, normalisation."""

    def __init__(self, artifact: Artifact, threads: int = 0) -> None:
        self.settings = artifact.settings(EncoderSettings)
        if self.settings.pooling not in get_args(Pooling):
            raise Damaged(f"{artifact.folder} names the pooling {self.settings.pooling!r}; there are: mean, cls")
        self.identity = EncoderIdentity(_checksum(artifact, self.settings), self.settings.dimension)
        self._tokenizer = artifact.tokenizer
        self._tokenizer.enable_truncation(self.settings.max_length)
        self._passages = OnnxNetwork(artifact.model_path, threads)
        own = artifact.question_path
        self._questions = OnnxNetwork(own, threads) if own else self._passages

    @classmethod
    def load(cls, name: str, threads: int = 0) -> "Encoder":
        """The encoder of that name or directory; errors as of `load_artifact`."""
        return cls(load_artifact(name, "encoder"), threads)

    def encode_questions(self, questions: Sequence[str]) -> Embeddings:
        """Embeddings (len(questions), dimension), in order, to be compared with those of passages."""
        return self._run(self._questions, [self.settings.question_prefix + question for question in questions])

    def encode(self, texts: Sequence[str], titles: Sequence[str] = ()) -> Embeddings:
        """Embeddings of passages (len(texts), dimension), in order, each with its title where titles are given.

        A text's embedding does not depend on the texts beside it.
        """
        if titles:
            texts = join_titles(texts, titles, self.settings.title_separator)
        return self._run(self._passages, [self.settings.passage_prefix + text for text in texts])

    def _run(self, network: OnnxNetwork, texts: list[str]) -> Embeddings:
        rows = [
            (np.array(encoding.ids, dtype=np.int64), np.array(encoding.type_ids, dtype=np.int64))
            for encoding in self._tokenizer.encode_batch(texts)
        ]
        embeddings = [outputs[0] for outputs in network.run(rows)]
        return np.array(embeddings, dtype=np.float32).reshape(len(texts), self.settings.dimension)


def join_titles(texts: Sequence[str], titles: Sequence[str], separator: str) -> list[str]:
    """Each text behind its title; a text whose title is empty stays as it is."""
    return [f"{title}{separator}{text}" if title else text for text, title in zip(texts, titles, strict=True)]


def _checksum(artifact: Artifact, settings: EncoderSettings) -> str:
    """What identifies a passage's embedding: the network of passages, and how their texts are given to it.

    Questions may be encoded by another network tomorrow, and a collection stays as it is. Where settings are the
    defaults, the network's own checksum stands for both.
    """
    given = (settings.max_length, settings.title_separator, settings.passage_prefix)
    if given == (EncoderSettings.max_length, EncoderSettings.title_separator, EncoderSettings.passage_prefix):
        return artifact.checksum
    return hashlib.sha256(json.dumps([artifact.checksum, *given]).encode()).hexdigest()
