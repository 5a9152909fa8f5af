"""Questions that were written for Lector's readers, joined with the passages that they ask of.

The passages are paragraphs that other projects' sets hold, most of them Wikipedia's, and are not kept here:
`written.jsonl.gz` knows each by a digest of its words, and answers by where they stand in it.
"""

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.evaluation.files import read_jsonl
from store.errors import InvalidInput

QUESTIONS = Path(__file__).with_suffix(".jsonl.gz")


@dataclass(frozen=True)
class Joined:
    """What became of it."""

    passages: int
    questions: int
    unanswerable: int  # of the questions
    missing: int  # passages that questions ask of, and that were not there


def join_written(passages: Path, out: Path, questions: Path = QUESTIONS) -> Joined:
    """Write a SQuAD 2.0 file of the questions whose passages are there.

    Args:
        passages: lines of {"text", "title"}; those that no question asks of are passed over.
        out: the file to write; gzipped where its name ends in `.gz`.
        questions: lines of {"passage": digest, "questions": [[text, start, end], or [text] where there is no answer]}.

    Raises:
        NotFound: there is no such file.
        InvalidInput: a line of one breaks a rule, or no passage is there.
    """
    waiting = {record.filled("passage"): record.values["questions"] for record in read_jsonl(questions)}
    total, articles = len(waiting), list[dict[str, Any]]()
    for record in read_jsonl(passages):
        context = " ".join(record.text("text").split())
        known = digest(context)
        if known in waiting:
            paragraph = {"context": context, "qas": _qas(context, known, waiting.pop(known))}
            articles.append({"title": record.text("title", ""), "paragraphs": [paragraph]})
    if not articles:
        raise InvalidInput(f"{passages} holds none of the {total} passages that questions were written about")
    text = json.dumps({"version": "v2.0", "data": articles}, ensure_ascii=False)
    out.write_bytes(gzip.compress(text.encode(), mtime=0) if out.suffix == ".gz" else text.encode())
    written = [qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    return Joined(len(articles), len(written), sum(qa["is_impossible"] for qa in written), len(waiting))


def digest(context: str) -> str:
    """What a passage is known by."""
    return hashlib.sha256(" ".join(context.split()).encode()).hexdigest()[:16]


def _qas(context: str, known: str, asked: list[list[Any]]) -> list[dict[str, Any]]:
    qas = []
    for number, (question, *span) in enumerate(asked):
        answers = [{"text": context[span[0] : span[1]], "answer_start": span[0]}] if span else []
        qas.append({"id": f"{known}-{number}", "question": question, "answers": answers, "is_impossible": not span})
    return qas
