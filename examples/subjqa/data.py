"""SubjQA as it is published: questions about products, each paired with one review and marked by several annotators."""

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.evaluation.files import Record, find, read_table
from models.evaluation.judgements import Query, Text
from models.evaluation.sources import NO_ANSWER
from models.evaluation.squad import Question
from store.errors import InvalidInput

COLUMNS = ("item_id", "question", "q_review_id", "review_id", "review", "human_ans_spans", "human_ans_indices")
SPLITS = ("train", "dev", "test")

Span = tuple[int, str]  # where it starts in the review, in code points, and its words as they stand there


@dataclass(frozen=True)
class Pair:
    """A question with the review that annotators were shown."""

    id: str
    item: str  # the product
    question: str
    review_id: str
    review: str
    marked: tuple[Span | None, ...]  # by each annotator, in the file's order; None: no answer in this review

    @property
    def answers(self) -> tuple[Span, ...]:
        """The spans that count, as in the common SQuAD form of this set: none where the first annotator saw none."""
        return self.any_answers if self.marked[0] else ()

    @property
    def any_answers(self) -> tuple[Span, ...]:
        """The spans of all annotators, each once."""
        return tuple(dict.fromkeys(span for span in self.marked if span))


def read_pairs(data: Path, split: str) -> list[Pair]:
    """The pairs of `SPLIT.csv` or `SPLIT.csv.gz`, in the file's order; each of its rows is one annotator's mark.

    Raises:
        NotFound: there is no such file.
        InvalidInput: a row breaks a rule.
    """
    rows: dict[str, list[Record]] = {}
    for row in read_table(find(data, f"{split}.csv"), COLUMNS):
        rows.setdefault(row.filled("q_review_id"), []).append(row)
    return [_pair(id_, of_pair) for id_, of_pair in rows.items()]


def texts(pairs: Iterable[Pair]) -> list[Text]:
    """Each review once, as a document that knows its product."""
    reviews = {pair.review_id: pair for pair in pairs}
    return [Text(id_, pair.review, meta={"item_id": pair.item}) for id_, pair in reviews.items()]


def queries(pairs: Iterable[Pair], everyone: bool = False) -> list[Query]:
    """Each question of a product once, to be asked of that product's reviews, with what its pairs know.

    `everyone` takes in the answers that only later annotators saw.
    """
    asked: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        asked.setdefault((pair.item, pair.question), []).append(pair)
    found = []
    for (item, question), of_question in asked.items():
        spans = {pair.review_id: pair.any_answers if everyone else pair.answers for pair in of_question}
        relevant = {review: 1 for review, marked in spans.items() if marked}
        answers = dict.fromkeys(text for marked in spans.values() for _, text in marked)
        found.append(Query(f"{item}: {question}", question, relevant, tuple(answers), about(item)))
    return found


def about(item: str) -> Mapping[str, Any]:
    """The filter that leaves one product's reviews."""
    return {"field": "meta.item_id", "operator": "==", "value": item}


def questions(pairs: Iterable[Pair]) -> list[Question]:
    """Each question on its own review, for a reader."""
    return [Question(pair.id, pair.question, pair.item, pair.review, pair.answers) for pair in pairs]


def write_squad(pairs: Sequence[Pair], path: Path) -> None:
    """The same as a SQuAD 2.0 file, for `lector train reader`."""
    articles = []
    for pair in pairs:
        answers = [{"text": text, "answer_start": start} for start, text in pair.answers]
        qa = {"id": pair.id, "question": pair.question, "answers": answers, "is_impossible": not answers}
        articles.append({"title": pair.item, "paragraphs": [{"context": pair.review, "qas": [qa]}]})
    path.write_text(json.dumps({"version": "v2.0", "data": articles}), encoding="utf-8")


def _pair(id_: str, rows: Sequence[Record]) -> Pair:
    first = rows[0]
    review = str(first.values["review"]).removesuffix(NO_ANSWER).rstrip()  # whole in front, where places count from
    marked = tuple(_span(row, review) for row in rows)
    return Pair(id_, first.filled("item_id"), first.filled("question"), first.filled("review_id"), review, marked)


def _span(row: Record, review: str) -> Span | None:
    """What an annotator marked, by its place: one span in six was written down with other spaces or marks."""
    written = row.filled("human_ans_spans")
    if written == NO_ANSWER:
        return None
    try:
        start, end = map(int, ast.literal_eval(row.filled("human_ans_indices")))
    except (ValueError, SyntaxError, TypeError) as error:
        raise InvalidInput(f"{row.where}: 'human_ans_indices' is not a place such as (0, 12): {error}") from error
    if written.endswith(NO_ANSWER):  # marked up to the end, where that word is
        end = start + len(written.removesuffix(NO_ANSWER).rstrip())
    text = review[start:end].strip()
    if not text:
        raise InvalidInput(f"{row.where}: no text stands at {start} to {end} of the review")
    return review.index(text, start), text
