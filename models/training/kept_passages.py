"""Training of questions alone: passages keep the embeddings that an artifact makes of them.

A step then costs no more than its questions, and many hard negatives cost nothing. A collection that was indexed with
the artifact can be asked through the new network of questions as it is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from models.encoder import Embeddings, Encoder
from models.training.bi_encoder import EMBEDDING, BiEncoder
from models.training.pairs import Passage
from store.errors import InvalidInput

_ENCODED_AT_ONCE = 256


class KeptPassages:
    """The questions of a model in training, beside passages that an artifact embeds, each of them once."""

    def __init__(self, model: BiEncoder, artifact: Encoder, passages: Sequence[Passage], path: Path) -> None:
        """Embed the passages of a training, or take their embeddings from `path`, where an earlier call left them.

        Raises:
            InvalidInput: the artifact's embeddings have another size than the model's.
        """
        own, theirs = model.get_embedding_dimension(), artifact.settings.dimension
        if own != theirs:
            raise InvalidInput(
                f"keep_passages names an encoder of {theirs} dimensions, and the base has {own}; they have to be "
                "compared with each other"
            )
        self._model = model
        self._artifact = artifact
        if not path.is_file():
            temporary = path.with_suffix(".tmp.npy")
            np.save(temporary, self._embed(passages))
            temporary.replace(path)
        self._vectors: Embeddings = np.load(path)
        self._known = dict(zip(passages, self._vectors, strict=True))

    def encode_questions(self, questions: Sequence[str]) -> Embeddings:
        """Embeddings (len(questions), dimension) by the model, in order."""
        return self._model.encode_questions(questions)

    def encode(self, texts: Sequence[str], titles: Sequence[str] = ()) -> Embeddings:
        """Embeddings of passages (len(texts), dimension) by the artifact, in order."""
        passages = [Passage(title, text) for title, text in zip(titles or [""] * len(texts), texts, strict=True)]
        new = list(dict.fromkeys(passage for passage in passages if passage not in self._known))
        self._known |= zip(new, self._embed(new), strict=True)
        return np.stack([self._known[passage] for passage in passages])

    def features(self, numbers: Sequence[int]) -> dict[str, Any]:
        """What the model takes in place of the training's passages of these numbers."""
        return {EMBEDDING: torch.from_numpy(self._vectors[numbers]).to(self._model.model.device)}

    def _embed(self, passages: Sequence[Passage]) -> Embeddings:
        found = np.empty((len(passages), self._artifact.settings.dimension), dtype=np.float32)
        with tqdm(total=len(passages), desc="embedding passages", unit="passages", mininterval=5) as bar:
            for begin in range(0, len(passages), _ENCODED_AT_ONCE):
                some = passages[begin : begin + _ENCODED_AT_ONCE]
                found[begin : begin + len(some)] = self._artifact.encode(
                    [p.text for p in some], [p.title for p in some]
                )
                bar.update(len(some))
        return found
