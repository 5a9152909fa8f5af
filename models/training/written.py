"""Questions that were written for Lector's readers, joined with the passages that they ask of.

The passages are paragraphs that other projects' sets hold, most of them Wikipedia's, and are not kept here:
`written.jsonl.gz` knows each by a digest of its words, and answers by where they stand in it.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from models.evaluation.files import read_jsonl
from models.evaluation.squad import read_squad
from store.errors import InvalidInput

QUESTIONS = Path(__file__).with_suffix(".jsonl.gz")


@dataclass(frozen=True)
class Joined:
    """What became of it."""

    passages: int
    questions: int
    unanswerable: int  # of the questions
    missing: int  # passages that questions ask of, and that were not there


def join_written(
    passages: Sequence[Path], out: Path, skip: int = 0, limit: int | None = None, questions: Path = QUESTIONS
) -> Joined:
    """Write a SQuAD 2.0 file of the questions whose passages are there.

    Args:
        passages: files of passages, which are SQuAD files (`.json`, `.json.gz`), of which the contexts count, or lines
            of {"text", "title"}; those that no question asks of are passed over.
        out: the file to write; gzipped where its name ends in `.gz`.
        skip: of the passages that were asked of, this many in front do not count; they stand in the order of asking.
        limit: no more passages than these count.
        questions: lines of {"passage": digest, "questions": [[text, start, end], or [text] where there is no answer]}.

    Raises:
        NotFound: there is no such file.
        InvalidInput: a line of one breaks a rule, or no passage is there.
    """
    end = None if limit is None else skip + limit
    waiting = {
        record.filled("passage"): record.values["questions"] for record in islice(read_jsonl(questions), skip, end)
    }
    total, articles = len(waiting), list[dict[str, Any]]()
    for path in passages:
        for text, title in _read_passages(path):
            context = " ".join(text.split())
            known = digest(context)
            if known in waiting:
                paragraph = {"context": context, "qas": _qas(context, known, waiting.pop(known))}
                articles.append({"title": title, "paragraphs": [paragraph]})
    if not articles:
        named = " and ".join(map(str, passages))
        raise InvalidInput(f"{named} holds none of the {total} passages that questions were written about")
    text = json.dumps({"version": "v2.0", "data": articles}, ensure_ascii=False)
    out.write_bytes(gzip.compress(text.encode(), mtime=0) if out.suffix == ".gz" else text.encode())
    written = [qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    return Joined(len(articles), len(written), sum(qa["is_impossible"] for qa in written), len(waiting))


def digest(context: str) -> str:
    """What a passage is known by."""
    return hashlib.sha256(" ".join(context.split()).encode()).hexdigest()[:16]


def _read_passages(path: Path) -> Iterator[tuple[str, str]]:
    """The text and the title of each."""
    if path.name.endswith((".json", ".json.gz")):
        yield from dict.fromkeys((question.context, question.title) for question in read_squad(path))
    else:
        for record in read_jsonl(path):
            yield record.text("text"), record.text("title", "")


def _qas(context: str, known: str, asked: list[list[Any]]) -> list[dict[str, Any]]:
    qas = []
    for number, (question, *span) in enumerate(asked):
        answers = [{"text": context[span[0] : span[1]], "answer_start": span[0]}] if span else []
        qas.append({"id": f"{known}-{number}", "question": question, "answers": answers, "is_impossible": not span})
    return qas
