"""SQuAD files: the format of Rajpurkar et al. (2016, 2018), plain or gzipped, versions 1.1 and 2.0."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from store.errors import InvalidInput, NotFound

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """A question on a context. `answers` are (start, text) pairs; without any, the context does not answer it."""

    id: str
    text: str
    title: str
    context: str
    answers: tuple[tuple[int, str], ...]


def read_squad(path: Path) -> list[Question]:
    """All questions of a SQuAD JSON file (`.json` or `.json.gz`), in file order.

    Raises:
        NotFound: there is no such file.
        InvalidInput: the file is not SQuAD JSON or holds no question, or an answer does not stand at its
            `answer_start`.
    """
    if not path.is_file():
        raise NotFound(f"no file {path}; give the path of a SQuAD JSON file (.json or .json.gz)")
    try:
        raw = path.read_bytes()
        data = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
        questions = list(_questions(data, path))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, OSError, EOFError, zlib.error) as error:
        raise InvalidInput(
            f"{path} is not a SQuAD file (data > paragraphs > qas > question, answers > text, answer_start): {error!r}"
        ) from error
    if not questions:
        raise InvalidInput(f"{path} holds no question")
    return questions


def spread(questions: list[T], limit: int | None) -> list[T]:
    """`limit` of the questions, evenly spread over their order; all of them without a limit."""
    if limit is None or limit >= len(questions):
        return questions
    return [questions[i * len(questions) // limit] for i in range(limit)]


def in_share(context: str, share: float, salt: str = "") -> bool:
    """Whether a context is among the `share` of contexts, in [0, 1], that are set apart.

    The text's own hash decides, so a context is in or out whatever file it comes in and whatever the seed. What is set
    apart with one salt says nothing of what is with another.
    """
    return int.from_bytes(hashlib.sha256((salt + context).encode()).digest()[:4], "big") < share * 2**32


def _questions(data: Any, path: Path) -> Iterator[Question]:
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            context, title = _text(paragraph["context"]), _text(article.get("title") or "")
            for qa in paragraph["qas"]:
                answers = (
                    () if qa.get("is_impossible") else tuple((a["answer_start"], a["text"]) for a in qa["answers"])
                )
                for start, text in answers:
                    if not text or start < 0 or context[start : start + len(text)] != text:
                        raise InvalidInput(
                            f"{path}: question {qa['id']!r} has answer {text!r} at {start}, where its context says "
                            f"{context[start : start + len(text)]!r}; answer_start counts code points"
                        )
                yield Question(str(qa["id"]), _text(qa["question"]), title, context, answers)


def _text(value: Any) -> str:
    """A string that is text: half of a surrogate pair is none."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.60} where a string has to be")
    value.encode()
    return value
