"""What goes over the wire: requests and responses of the HTTP service, and of `lector ask --json`."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from models.pipeline import LONGEST_QUESTION, Outcome
from models.pipeline import Answer as FoundAnswer
from models.retrieval import Retrieval, Retrieved, RetrieverName
from store.reading import CollectionState
from store.records import Document

QuestionText = Annotated[str, Field(min_length=1, max_length=LONGEST_QUESTION, description="in words, as to a person")]
Filters = Annotated[
    dict[str, Any] | None,
    Field(
        description="Haystack's filter syntax, over `meta.*`, `id`, `title`, `source` and `content_hash` of documents",
        examples=[{"field": "meta.year", "operator": ">=", "value": 2024}],
    ),
]
PassageCount = Annotated[int | None, Field(ge=1, le=100)]
Share = Annotated[float | None, Field(ge=0, le=1)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: QuestionText
    retriever: RetrieverName | None = Field(default=None, description="hybrid, sparse or dense")
    per_document: Annotated[PassageCount, Field(description="of one document, how many passages at most")] = None


class AskQuery(_Request):
    """A question in a URL. What is left out comes from the service's settings."""

    top_k: Annotated[int | None, Field(ge=1, le=50, description="answers at most")] = None
    passages: Annotated[PassageCount, Field(description="how many passages are read")] = None
    min_confidence: Annotated[Share, Field(description="answers below are withheld")] = None
    budget_ms: Annotated[float | None, Field(gt=0, description="milliseconds after which no passage is read")] = None
    early_exit: Annotated[bool | None, Field(description="stop reading once the first answer is settled")] = None


class AskRequest(AskQuery):
    """A question. What is left out comes from the service's settings."""

    filters: Filters = None


class SearchRequest(_Request):
    """A search for passages."""

    filters: Filters = None
    top_k: Annotated[PassageCount, Field(description="passages at most")] = None
    rerank: bool = Field(default=False, description="let the reader rank the passages that were found again")


class DocumentInfo(BaseModel):
    """A document without its text."""

    id: str
    title: str
    source: str
    meta: dict[str, Any]
    content_hash: str

    @classmethod
    def of(cls, document: Document) -> "DocumentInfo":
        return cls(
            id=document.id,
            title=document.title,
            source=document.source,
            meta=dict(document.meta),
            content_hash=document.content_hash,
        )


class StoredDocument(BaseModel):
    """A document and its whole text."""

    document: DocumentInfo
    text: str

    @classmethod
    def of(cls, document: Document, text: str) -> "StoredDocument":
        return cls(document=DocumentInfo.of(document), text=text)


class Context(BaseModel):
    """The passage that was read; offsets are code points of the document's text."""

    text: str
    start: int
    end: int


class Scores(BaseModel):
    """Where a confidence comes from; null where that part did not score the passage."""

    reader: float | None = Field(description="margin over the null score, in logits")
    retriever: float = Field(description="of the chosen retriever")
    sparse: float | None = Field(description="BM25")
    dense: float | None = Field(description="cosine")


class AlsoFoundIn(BaseModel):
    """Another place with the same answer or passage."""

    document_id: str
    start: int
    end: int


class Answer(BaseModel):
    """A verbatim span: the document's text[start:end], in code points."""

    answer: str
    confidence: float
    start: int
    end: int
    document: DocumentInfo
    context: Context
    page: int | None
    passage_id: str
    scores: Scores
    also_found_in: list[AlsoFoundIn]

    @classmethod
    def of(cls, found: FoundAnswer) -> "Answer":
        passage = found.retrieved.passage
        return cls(
            answer=found.text,
            confidence=round(found.confidence, 4),
            start=found.start,
            end=found.end,
            document=DocumentInfo.of(passage.document),
            context=Context(text=passage.text, start=passage.start, end=passage.end),
            page=passage.page,
            passage_id=passage.id,
            scores=_scores(found.retrieved, found.reader_score),
            also_found_in=[AlsoFoundIn(document_id=p.document, start=p.start, end=p.end) for p in found.also_found_in],
        )


class FoundPassage(BaseModel):
    """A passage that was found, and where else its text stands, but for white space and case."""

    text: str
    start: int
    end: int
    document: DocumentInfo
    page: int | None
    passage_id: str
    scores: Scores
    also_found_in: list[AlsoFoundIn]

    @classmethod
    def of(cls, retrieved: Retrieved) -> "FoundPassage":
        passage = retrieved.passage
        return cls(
            text=passage.text,
            start=passage.start,
            end=passage.end,
            document=DocumentInfo.of(passage.document),
            page=passage.page,
            passage_id=passage.id,
            scores=_scores(retrieved, None),
            also_found_in=[AlsoFoundIn(document_id=c.document.id, start=c.start, end=c.end) for c in retrieved.copies],
        )


class IndexInfo(BaseModel):
    """Which state of the collection was asked."""

    collection: str
    generation: int
    documents: int
    passages: int

    @classmethod
    def of(cls, collection: str, state: CollectionState) -> "IndexInfo":
        return cls(
            collection=collection, generation=state.generation, documents=state.documents, passages=state.passages
        )


class AskResponse(BaseModel):
    """Answers, best first; none where none is confident enough."""

    question: str
    answered: bool
    no_answer_confidence: float = Field(description="probability that the passages hold no answer")
    answers: list[Answer]
    passages_read: int = Field(description="fewer than were asked for where the budget or an early exit ended it")
    cached: bool = Field(description="whether it had been answered before, over the same documents")
    timings_ms: dict[str, float]
    index: IndexInfo
    reader: str

    @classmethod
    def of(cls, outcome: Outcome, collection: str, reader: str) -> "AskResponse":
        timings = outcome.timings
        named = {"encode": timings.encode, "retrieve": timings.retrieve, "read": timings.read, "total": timings.total}
        return cls(
            question=outcome.question,
            answered=bool(outcome.answers),
            no_answer_confidence=round(outcome.no_answer_confidence, 4),
            answers=[Answer.of(answer) for answer in outcome.answers],
            passages_read=outcome.passages_read,
            cached=outcome.cached,
            timings_ms={name: round(value, 2) for name, value in named.items()},
            index=IndexInfo.of(collection, outcome.state),
            reader=reader,
        )


class SearchResponse(BaseModel):
    """Passages, best first."""

    question: str
    passages: list[FoundPassage]
    timings_ms: dict[str, float]
    index: IndexInfo

    @classmethod
    def of(cls, question: str, retrieval: Retrieval, collection: str) -> "SearchResponse":
        encode, retrieve, rerank = retrieval.encode_ms, retrieval.retrieve_ms, retrieval.rerank_ms
        return cls(
            question=question,
            passages=[FoundPassage.of(retrieved) for retrieved in retrieval.passages],
            timings_ms={
                "encode": round(encode, 2),
                "retrieve": round(retrieve, 2),
                "rerank": round(rerank, 2),
                "total": round(encode + retrieve + rerank, 2),
            },
            index=IndexInfo.of(collection, retrieval.state),
        )


class CollectionList(BaseModel):
    """All collections."""

    collections: list[IndexInfo]
    unopened: dict[str, str] = Field(description="those that cannot be opened, with the reason")


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = None


def _scores(retrieved: Retrieved, reader: float | None) -> Scores:
    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 4)

    return Scores(
        reader=rounded(reader),
        retriever=round(retrieved.score, 4),
        sparse=rounded(retrieved.sparse),
        dense=rounded(retrieved.dense),
    )
