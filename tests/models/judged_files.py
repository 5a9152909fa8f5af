"""Tiny files of every kind that retrievers and pipelines are evaluated on."""

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PLANETS = {
    "mercury": ("Mercury", "Mercury is the smallest planet and circles the Sun in 88 days."),
    "venus": ("Venus", "Venus is the hottest planet; its thick air holds the warmth of the Sun."),
    "mars": ("Mars", "Mars is called the red planet because of the rust in its soil."),
    "jupiter": ("Jupiter", "Jupiter is the largest planet, and its red spot is a storm."),
    "saturn": ("Saturn", "Saturn is known for its rings of ice."),
}
QUESTIONS = {
    "q-rings": ("Which planet has rings of ice?", {"saturn": 2}, "Saturn"),
    "q-red": ("What is red because of rust, or a storm?", {"mars": 2, "jupiter": 1}, "Mars"),
    "q-hot": ("Which planet is the hottest?", {"venus": 1}, "Venus"),
}


def write_jsonl(path: Path, rows: Sequence[Any]) -> Path:
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def write_beir(folder: Path, zipped: bool = False) -> Path:
    """The planets with graded judgements; one question has none above 0, one is of another split."""
    (folder / "qrels").mkdir(parents=True)
    end = ".gz" if zipped else ""
    write_jsonl(
        folder / f"corpus.jsonl{end}",
        [{"_id": id_, "title": title, "text": text, "metadata": {}} for id_, (title, text) in PLANETS.items()],
    )
    texts = {id_: text for id_, (text, _, _) in QUESTIONS.items()} | {"q-none": "Who lives there?", "q-dev": "Why?"}
    write_jsonl(folder / f"queries.jsonl{end}", [{"_id": id_, "text": text} for id_, text in texts.items()])
    rows = [f"{q}\t{d}\t{grade}" for q, (_, relevant, _) in QUESTIONS.items() for d, grade in relevant.items()]
    test = "\n".join(["query-id\tcorpus-id\tscore", *rows, "q-hot\tsaturn\t0", "q-none\tmars\t0"]) + "\n"
    dev = "query-id\tcorpus-id\tscore\nq-dev\tmars\t1\n"
    for split, text in (("test", test), ("dev", dev)):
        raw = text.encode()
        (folder / "qrels" / f"{split}.tsv{end}").write_bytes(gzip.compress(raw) if zipped else raw)
    return folder


def write_squad(path: Path) -> Path:
    """A context a planet; a question each of some, and one without an answer."""
    paragraphs: dict[str, dict[str, Any]] = {id_: {"context": text, "qas": []} for id_, (_, text) in PLANETS.items()}
    for id_, (text, relevant, answer) in QUESTIONS.items():
        paragraph = paragraphs[next(iter(relevant))]
        start = paragraph["context"].index(answer)
        paragraph["qas"].append({"id": id_, "question": text, "answers": [{"text": answer, "answer_start": start}]})
    paragraphs["mars"]["qas"].append({"id": "q-none", "question": "Who?", "answers": [], "is_impossible": True})
    path.write_text(json.dumps({"data": [{"title": "Planets", "paragraphs": list(paragraphs.values())}]}), "utf-8")
    return path


def write_subjqa(path: Path) -> Path:
    """Two products with reviews that say alike; every row is what one annotator found in one review."""
    rows = [
        ("phone", "How is the battery?", "r1", "The battery lasts two days.", "lasts two days"),
        ("phone", "How is the battery?", "r1", "The battery lasts two days.", "two days"),
        ("phone", "How is the battery?", "r2", "It came in a blue box,\nwith a manual.", "ANSWERNOTFOUND"),
        ("torch", "How is the battery?", "r3", "The battery is weak and dies.", "is weak"),
        ("torch", "Is it bright?", "r3", "The battery is weak and dies.", "ANSWERNOTFOUND"),
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("item_id", "domain", "question", "review_id", "review", "human_ans_spans"))
        for item, question, id_, review, span in rows:
            writer.writerow((item, "things", question, id_, f"{review} ANSWERNOTFOUND", span))
    return path
