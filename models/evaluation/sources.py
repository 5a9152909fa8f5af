"""Where judgements come from: BEIR folders, SQuAD files, SubjQA tables, and lines of JSON."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from models.evaluation.files import Record, as_id, find, read_jsonl, read_table
from models.evaluation.judgements import Judgements, Query, Relevance, Text
from models.evaluation.squad import Question, read_squad
from store.errors import InvalidInput, NotFound

NO_ANSWER = "ANSWERNOTFOUND"  # ends every review of SubjQA, and is its span where there is no answer


def read_judgements(source: Path, split: str = "test", corpus: Path | None = None) -> Judgements:
    """All that a source holds. Which kind it is, its name tells.

    A folder is read as BEIR's layout, `.json` as SQuAD, `.csv` as SubjQA and `.jsonl` as lines of questions, which are
    about the documents in `corpus` (JSONL) or about a collection that is there already; any file may be gzipped.

    Raises:
        NotFound: the source, or a part of it, is missing.
        InvalidInput: a line of it breaks a rule, or the kind of source takes no corpus.
    """
    kind = "/" if source.is_dir() else source.name.removesuffix(".gz").rpartition(".")[2]
    if corpus and kind != "jsonl":
        raise InvalidInput(f"{source} brings its own corpus; a corpus of your own goes with questions in JSONL")
    readers: dict[str, Callable[[], Judgements]] = {
        "/": lambda: read_beir(source, split),
        "json": lambda: from_squad(read_squad(source)),
        "csv": lambda: read_subjqa(source),
        "jsonl": lambda: read_questions(source, corpus),
    }
    if kind not in readers:
        raise (InvalidInput if source.exists() else NotFound)(
            f"{source} is no source: give a folder in BEIR's layout, or a file .json (SQuAD), .csv (SubjQA) or .jsonl "
            "(questions), which may be gzipped"
        )
    return readers[kind]()


def split_of(source: Path, split: str | None, usual: str) -> str:
    """The split that is asked for, or the usual one.

    Raises:
        InvalidInput: one is asked for of a source that has none.
    """
    if split is not None and source.is_file():
        raise InvalidInput(f"{source} has no splits; --split goes with a folder in BEIR's layout")
    return split or usual


def read_beir(folder: Path, split: str) -> Judgements:
    """A folder with `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv` (Thakur et al. 2021).

    Its questions are those that the split judges, in the order in which it does. A document with the id of a question
    is that question, as in ArguAna, and no result for it.
    """
    corpus = read_texts(find(folder, "corpus.jsonl"))
    ids = {text.id for text in corpus}
    texts: dict[str, Record] = {}
    for record in read_jsonl(find(folder, "queries.jsonl")):
        id_ = record.id("_id", "id", default="")
        if id_ in texts:
            raise InvalidInput(f"{record.where}: another line has the id {id_!r} already; give each its own")
        texts[id_] = record
    try:
        path = find(folder / "qrels", f"{split}.tsv")
    except NotFound as error:
        found = sorted(p.name.split(".")[0] for p in (folder / "qrels").glob("*.tsv*"))
        raise NotFound(f"{folder}/qrels has no split {split!r}; there are: {', '.join(found) or 'none'}") from error
    grades: dict[str, dict[str, int]] = {}
    for record in read_table(path, ("query-id", "corpus-id", "score")):
        query, document = record.filled("query-id"), record.filled("corpus-id")
        if query not in texts:
            raise InvalidInput(f"{record.where}: question {query!r} is not in {folder}/queries.jsonl; add it there")
        grade, of_query = _grade(record, record.text("score")), grades.setdefault(query, {})
        if of_query.setdefault(document, grade) != grade:
            raise InvalidInput(f"{record.where}: {document!r} has another grade for {query!r} above; leave one of them")
    queries = []
    for id_, relevant in grades.items():
        own = (id_,) if id_ in ids and id_ not in relevant else ()
        queries.append(Query(id_, texts[id_].filled("text"), _positive(relevant), left_out=own))
    return Judgements(tuple(queries), ("document",), corpus)


def from_squad(questions: Sequence[Question]) -> Judgements:
    """SQuAD's contexts are the corpus, and relevant is a question's own; to one without an answer, none is."""
    ids: dict[str, str] = {}
    titles: dict[str, str] = {}
    for question in questions:
        ids.setdefault(question.context, f"context-{len(ids)}")
        titles.setdefault(question.context, question.title)
    queries = (
        Query(
            q.id,
            q.text.strip(),
            {ids[q.context]: 1} if q.answers else {},
            tuple(dict.fromkeys(text for _, text in q.answers)),
        )
        for q in questions
    )
    corpus = tuple(Text(id_, context, titles[context]) for context, id_ in ids.items() if context.strip())
    return Judgements(tuple(queries), ("document", "answer"), corpus)


def read_subjqa(path: Path) -> Judgements:
    """SubjQA (Bjerva et al. 2020): reviews are the corpus, and a question is asked of its own product's.

    Relevant are the reviews in which an annotator found an answer.
    """
    corpus: dict[str, Text] = {}
    asked: dict[tuple[str, str], Query] = {}
    for row in read_table(path, ("item_id", "question", "review_id", "review", "human_ans_spans")):
        item, question, review = row.filled("item_id"), row.filled("question"), row.filled("review_id")
        text = row.filled("review").removesuffix(NO_ANSWER).rstrip()
        if text:
            corpus[review] = Text(review, text, meta={"item_id": item})
        own = {"field": "meta.item_id", "operator": "==", "value": item}
        query = asked.setdefault((item, question), Query(f"{item}: {question}", question, filters=own))
        span = row.text("human_ans_spans").removesuffix(NO_ANSWER).rstrip()
        if span:
            relevant, answers = {**query.relevant, review: 1}, dict.fromkeys((*query.answers, span))
            asked[item, question] = replace(query, relevant=relevant, answers=tuple(answers))
    return Judgements(tuple(asked.values()), ("document", "answer"), tuple(corpus.values()))


def read_questions(path: Path, corpus: Path | None) -> Judgements:
    """Lines of {"question", "relevant": [ids] or {id: grade}, "answers": [strings]}: either or both of the last two."""
    queries = tuple(_question(number, record) for number, record in enumerate(read_jsonl(path), 1))
    by_id: tuple[Relevance, ...] = ("document",) if corpus else ("document", "passage")
    relevances = (
        *(by_id if any(query.relevant for query in queries) else ()),
        *(("answer",) if any(query.answers for query in queries) else ()),
    )
    return Judgements(queries, relevances or by_id, read_texts(corpus) if corpus else None)


def read_texts(path: Path) -> tuple[Text, ...]:
    """Documents as lines of {"_id" or "id", "title", "text"}; one without an id is called by its place.

    One without a text is its title, and without either it is left out, since nothing can find it.
    """
    texts: dict[str, Text] = {}
    for number, record in enumerate(read_jsonl(path), 1):
        id_, title, text = record.id("_id", "id", default=str(number)), record.text("title", ""), record.text("text")
        if id_ in texts:
            raise InvalidInput(f"{record.where}: another line has the id {id_!r} already; give each its own")
        if text or title:
            texts[id_] = Text(id_, text, title) if text else Text(id_, title)
    return tuple(texts.values())


def _question(number: int, record: Record) -> Query:
    relevant, answers = record.values.get("relevant", []), record.values.get("answers", [])
    if isinstance(relevant, list):
        relevant = dict.fromkeys((as_id(record, value) for value in relevant), 1)
    if not isinstance(relevant, dict):
        raise InvalidInput(f"{record.where}: 'relevant' is {relevant!r}; it has to be a list of ids, or {{id: grade}}")
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise InvalidInput(f"{record.where}: 'answers' is {answers!r}; it has to be a list of strings")
    if not {"relevant", "answers"} & record.values.keys():
        raise InvalidInput(f"{record.where}: neither 'relevant' (ids) nor 'answers' (strings); give one of them")
    grades = {id_: _grade(record, grade) for id_, grade in relevant.items()}
    id_ = record.id("id", "_id", default=str(number))
    return Query(id_, record.filled("question"), _positive(grades), tuple(answers))


def _grade(record: Record, grade: object) -> int:
    try:
        if isinstance(grade, int | str) and not isinstance(grade, bool):
            return int(grade)
    except ValueError:
        pass
    raise InvalidInput(f"{record.where}: the grade is {grade!r}; it has to be a whole number, 0 for irrelevant")


def _positive(grades: dict[str, int]) -> dict[str, int]:
    return {id_: grade for id_, grade in grades.items() if grade > 0}
