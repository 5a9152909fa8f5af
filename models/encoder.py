"""The encoder: texts in, embeddings of unit length out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact, load_artifact
from models.network import OnnxNetwork
from store.views import EncoderIdentity


@dataclass(frozen=True)
class EncoderSettings:
    """How texts are encoded."""

    dimension: int
    max_length: int = 256  # tokens; what a text has beyond them is not seen


class Encoder:
    """A bi-encoder as an artifact; its network ends in pooling and normalisation."""

    def __init__(self, artifact: Artifact, threads: int = 0) -> None:
        self.settings = artifact.settings(EncoderSettings)
        self.identity = EncoderIdentity(artifact.checksum, self.settings.dimension)
        self._tokenizer = artifact.tokenizer
        self._tokenizer.enable_truncation(self.settings.max_length)
        self._network = OnnxNetwork(artifact.model_path, threads)

    @classmethod
    def load(cls, name: str, threads: int = 0) -> "Encoder":
        """The encoder of that name or directory; errors as of `load_artifact`."""
        return cls(load_artifact(name, "encoder"), threads)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings (len(texts), dimension), in order. A text's embedding does not depend on the texts beside it."""
        rows = [
            (np.array(encoding.ids, dtype=np.int64), np.array(encoding.type_ids, dtype=np.int64))
            for encoding in self._tokenizer.encode_batch(list(texts))
        ]
        embeddings = [outputs[0] for outputs in self._network.run(rows)]
        return np.array(embeddings, dtype=np.float32).reshape(len(texts), self.settings.dimension)
