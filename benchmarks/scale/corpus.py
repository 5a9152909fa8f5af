"""Passages and questions to fill stores with: given ones, encoded once, and perturbed copies of them for the rest.

Passage `n` is the same in every process and at every size, and nothing is kept of the copies: each block of them is
made when it is asked for, from a seed of its own.
"""

import hashlib
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.encoder import Encoder
from models.evaluation.files import read_jsonl
from models.evaluation.terminal import Track, silently
from store.errors import InvalidInput

BLOCK = 1_000  # passages that are made at once, and written as one batch
SEED = 20
DROPPED, SWAPPED = 0.1, 0.1  # shares of a copy's words
COSINE = (0.85, 0.95)  # of a copy's vector with the original's: drawn evenly from this range
BUCKETS, RARE = 100, 10_000  # the values of two fields, which keep 1 % and 0.01 % of the passages each
_ENCODED_AT_ONCE = 256

Vectors = NDArray[np.float32]  # (n, dimension), of unit length


@dataclass(frozen=True)
class Passage:
    """One passage, which is a document by itself."""

    number: int  # from 0
    title: str
    text: str
    vector: NDArray[np.float32]  # (dimension,)

    @property
    def id(self) -> str:
        return str(self.number)

    @property
    def meta(self) -> dict[str, int]:
        """What filters ask for. Passages of one text have neighbouring numbers, so every value has some of each."""
        return {"bucket": self.number % BUCKETS, "rare": self.number % RARE}


@dataclass(frozen=True)
class Questions:
    """Questions and their embeddings (n, dimension)."""

    texts: list[str]
    vectors: Vectors

    @classmethod
    def load(cls, path: Path) -> "Questions":
        """The questions that `save` wrote."""
        with np.load(path) as saved:
            return cls(saved["texts"].tolist(), saved["vectors"])

    def save(self, path: Path) -> None:
        np.savez(path, texts=np.array(self.texts), vectors=self.vectors)


class Corpus:
    """As many passages as are asked for: the given ones first, then their copies."""

    def __init__(self, texts: Sequence[tuple[str, str]], vectors: Vectors) -> None:
        """`texts` are (title, text), `vectors` their embeddings in that order."""
        self._texts = texts
        self._vectors = vectors

    @classmethod
    def of(cls, passages: Path, vectors: Path) -> "Corpus":
        """The passages of a file, and their vectors as `encoded` left them; errors as of `texts_in`."""
        return cls(texts_in(passages), np.load(vectors, mmap_mode="r"))

    def __len__(self) -> int:
        """How many are given; there is no end of the others."""
        return len(self._texts)

    def blocks(self, start: int, stop: int) -> Iterator[list[Passage]]:
        """The passages from `start` to before `stop`, `BLOCK` at a time."""
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            first, last = max(start, block * BLOCK), min(stop, (block + 1) * BLOCK)
            vectors = self._block_of_vectors(block)
            texts = self._block_of_texts(block)
            yield [
                Passage(number, *texts[number - block * BLOCK], vectors[number - block * BLOCK])
                for number in range(first, last)
            ]

    def vectors(self, start: int, stop: int) -> Iterator[tuple[int, Vectors]]:
        """The vectors of `blocks`, each block with its first number, without the texts."""
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            first, last = max(start, block * BLOCK), min(stop, (block + 1) * BLOCK)
            yield first, self._block_of_vectors(block)[first - block * BLOCK : last - block * BLOCK]

    def _block_of_vectors(self, block: int) -> Vectors:
        numbers = np.arange(block * BLOCK, (block + 1) * BLOCK)
        vectors: Vectors = self._vectors[numbers % len(self)]
        copies = numbers >= len(self)
        if copies.any():
            generator = np.random.default_rng((SEED, block))
            noisy = perturb(vectors, generator)
            vectors = np.where(copies[:, None], noisy, vectors)
        return vectors

    def _block_of_texts(self, block: int) -> list[tuple[str, str]]:
        generator = random.Random(SEED * 1_000_003 + block)
        found = []
        for number in range(block * BLOCK, (block + 1) * BLOCK):
            title, text = self._texts[number % len(self)]
            if number >= len(self):
                text = reword(text, self._texts[generator.randrange(len(self))][1], generator)
            found.append((title, text))
        return found


def perturb(vectors: Vectors, generator: np.random.Generator) -> Vectors:
    """Unit vectors, each turned in a random direction so far that its cosine with the original lies in `COSINE`."""
    noise = generator.standard_normal(vectors.shape, dtype=np.float32)
    noise -= (noise * vectors).sum(axis=1, keepdims=True) * vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosines = generator.uniform(*COSINE, size=(len(vectors), 1)).astype(np.float32)
    return (cosines * vectors + np.sqrt(1 - cosines**2) * noise).astype(np.float32)


def reword(text: str, other: str, generator: random.Random) -> str:
    """A text with some of its words left out, and some replaced by words of another text."""
    others = other.split()
    words = []
    for word in text.split():
        chance = generator.random()
        if chance < SWAPPED and others:
            words.append(generator.choice(others))
        elif chance >= SWAPPED + DROPPED:
            words.append(word)
    return " ".join(words) or text


def texts_in(file: Path) -> list[tuple[str, str]]:
    """Titles and texts of a file of JSON lines with `text` and, where there is one, `title`; also gzipped.

    Raises:
        NotFound: there is no such file.
        InvalidInput: a line is no such object, or there is none, or the file is not whole.
    """
    texts = [(record.text("title", ""), record.filled("text")) for record in read_jsonl(file)]
    if not texts:
        raise InvalidInput(f"{file} holds no passages; give one a line, as JSON with `text` and `title`")
    return texts


def questions_in(file: Path, encoder: Encoder, count: int) -> Questions:
    """A sample of the questions of a file of JSON lines with `question`, always the same; errors as of `texts_in`."""
    texts = list(dict.fromkeys(record.filled("question") for record in read_jsonl(file)))
    if not texts:
        raise InvalidInput(f"{file} holds no questions; give one a line, as JSON with `question`")
    chosen = random.Random(SEED).sample(texts, min(count, len(texts)))
    return Questions(chosen, encoder.encode_questions(chosen))


def encoded(file: Path, encoder: Encoder, work: Path, track: Track = silently) -> Path:
    """Where the embeddings of a file's passages lie in `work`; they are made once, for this file and encoder.

    Raises as `texts_in` does.
    """
    texts = texts_in(file)
    path = work / f"passages-{_key(file, encoder)}.npy"
    if not path.is_file():
        _encode(texts, encoder, path, track)
    return path


def _encode(texts: Sequence[tuple[str, str]], encoder: Encoder, path: Path, track: Track) -> None:
    shape = (len(texts), encoder.settings.dimension)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        vectors = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        for start in track(range(0, len(texts), _ENCODED_AT_ONCE), f"encoding {len(texts):,} passages"):
            some = texts[start : start + _ENCODED_AT_ONCE]
            vectors[start : start + len(some)] = encoder.encode(
                [text for _, text in some], [title for title, _ in some]
            )
        vectors.flush()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _key(file: Path, encoder: Encoder) -> str:
    with file.open("rb") as content:
        checksum = hashlib.file_digest(content, "sha256").hexdigest()
    return hashlib.sha256(f"{encoder.identity.checksum} {checksum}".encode()).hexdigest()[:16]
