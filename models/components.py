"""Lector's retrievers and reader as Haystack components, for pipelines of one's own.

Thin wrappers: the arithmetic is that of `models.retrieval` and `models.judging`, and a pipeline of these gives the same
answers as the HTTP service. The service itself does without: `haystack` imports torch wherever torch is installed, and
copies every input of every component.
"""

import os
from typing import Any

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "false")  # haystack reads it when it is imported

import numpy as np
from haystack import Document, ExtractedAnswer, Pipeline, component, default_from_dict, default_to_dict

from models.artifact import load_artifact
from models.confidence import Calibration, kept
from models.document_store import LectorDocumentStore
from models.judging import read_and_judge
from models.pipeline import check_question
from models.reader import Reader, open_reader
from models.retrieval import Retrieved, RetrieverName, retrieve
from models.settings import Settings
from store.rows import content_hash


class _Retriever:
    """What the three retrievers share: passages of one collection as Haystack documents."""

    kind: RetrieverName

    def __init__(
        self,
        data: str = "data",
        collection: str = "default",
        encoder: str = "encoder",
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
        threads: int = 0,
        document_store: LectorDocumentStore | None = None,
        per_document: int | None = None,
    ) -> None:
        """A retriever over a document store, or else over a collection below the directory `data`.

        `filters` hold where `run` is given none. Of one document there are `per_document` passages at most.
        """
        where: dict[str, Any] = {"data": data, "collection": collection, "encoder": encoder, "threads": threads}
        self.document_store = document_store or LectorDocumentStore(**where)
        self._where = {"document_store": document_store} if document_store else where
        self.top_k = top_k
        self.filters = filters
        self.per_document = per_document

    def warm_up(self) -> None:
        """Load the encoder and open the collection."""
        self.document_store.open(create=False)

    def to_dict(self) -> dict[str, Any]:
        return default_to_dict(
            self, **self._where, top_k=self.top_k, filters=self.filters, per_document=self.per_document
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "_Retriever":
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document])
    def run(
        self,
        query: str,
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
        query_embedding: list[float] | None = None,
    ) -> dict[str, list[Document]]:
        """The best passages for a query, best first, with their scores and where they lie in their documents.

        Only a store whose documents bring their embeddings needs that of the query.
        """
        collection, encoder = self.document_store.open(create=False)
        found = retrieve(
            collection,
            encoder,
            check_question(query),
            top_k or self.top_k,
            self.kind,
            filters or self.filters,
            None if query_embedding is None else np.array(query_embedding, dtype=np.float32),
            self.per_document,
        )
        return {"documents": [_document(retrieved) for retrieved in found.passages]}


@component
class LectorSparseRetriever(_Retriever):
    """Passages by BM25."""

    kind = "sparse"


@component
class LectorDenseRetriever(_Retriever):
    """Passages by the cosine of embeddings."""

    kind = "dense"


@component
class LectorHybridRetriever(_Retriever):
    """Passages by both, fused."""

    kind = "hybrid"


@component
class LectorReader:
    """Verbatim spans from any Haystack documents, with calibrated confidences."""

    def __init__(
        self,
        reader: str = "base",
        top_k: int = 3,
        min_confidence: float | None = None,
        threads: int = 0,
        early_exit: bool = False,
    ) -> None:
        """A shipped reader's name or a model's directory; `min_confidence` None refuses where no answer is likelier.

        `early_exit` stops reading once no document that is left can change the first answer, if they come by falling
        score.
        """
        self.reader = reader
        self.top_k = top_k
        self.min_confidence = min_confidence
        self.threads = threads
        self.early_exit = early_exit
        self._reader: Reader | None = None

    def warm_up(self) -> None:
        """Load the reader."""
        if self._reader is None:
            artifact = load_artifact(self.reader, "reader")
            self._calibration = Calibration(artifact.card.calibration)
            self._reader = open_reader(artifact, self.threads)

    def to_dict(self) -> dict[str, Any]:
        return default_to_dict(
            self,
            reader=self.reader,
            top_k=self.top_k,
            min_confidence=self.min_confidence,
            threads=self.threads,
            early_exit=self.early_exit,
        )

    @component.output_types(answers=list[ExtractedAnswer], no_answer_confidence=float)
    def run(self, query: str, documents: list[Document], top_k: int | None = None) -> dict[str, Any]:
        """The best answers, best first, each with the document that it was read in and its offsets there.

        Where the documents come from our retrievers, an answer's `meta` also has its offsets in the whole document.
        """
        self.warm_up()
        assert self._reader is not None
        texts = [document.content or "" for document in documents]
        homes = [_home(document) for document in documents]
        scores = [document.score for document in documents]
        question = check_question(query)
        judged = read_and_judge(
            self._reader, self._calibration, question, texts, homes, scores, early_exit=self.early_exit
        )
        answers = []
        for i in kept(judged.confidences, judged.no_answer_confidence, self.min_confidence)[: top_k or self.top_k]:
            place = judged.candidates[i].best
            within = ExtractedAnswer.Span(place.start - homes[place.passage][1], place.end - homes[place.passage][1])
            answers.append(
                ExtractedAnswer(
                    query=query,
                    score=judged.confidences[i],
                    data=judged.candidates[i].text,
                    document=documents[place.passage],
                    context=texts[place.passage],
                    document_offset=within,
                    context_offset=within,
                    meta={"document_id": place.document, "start": place.start, "end": place.end, "margin": place.score},
                )
            )
        return {"answers": answers, "no_answer_confidence": judged.no_answer_confidence}


_RETRIEVERS = {"sparse": LectorSparseRetriever, "dense": LectorDenseRetriever, "hybrid": LectorHybridRetriever}


def build_pipeline(settings: Settings, collection: str = "default") -> Pipeline:
    """A Haystack pipeline of `retriever` and `reader` that answers as the service does, but knows no `budget_ms`.

    Run it with `{"retriever": {"query": q}, "reader": {"query": q}}`. From YAML, Haystack loads it where this module is
    trusted: `Pipeline.loads(text, allowed_modules=["models.components"])`.
    """
    pipeline = Pipeline()
    retriever = _RETRIEVERS[settings.retriever](
        data=str(settings.data),
        collection=collection,
        encoder=settings.encoder,
        top_k=settings.passages,
        threads=settings.threads,
        per_document=settings.per_document,
    )
    pipeline.add_component("retriever", retriever)
    reader = LectorReader(
        settings.reader, settings.top_k, settings.min_confidence, settings.threads, settings.early_exit
    )
    pipeline.add_component("reader", reader)
    pipeline.connect("retriever.documents", "reader.documents")
    return pipeline


def _home(document: Document) -> tuple[str, int]:
    """The document that a text is a passage of, and where it starts there, as our retrievers say; else its own.

    Others may use the same names for something else, such as the seconds of a recording.
    """
    length = len(document.content or "")
    match document.meta:
        case {"document_id": str(id_), "start": int(start), "end": int(end)} if end - start == length:
            return id_, start
    return document.id, 0


def _document(retrieved: Retrieved) -> Document:
    """A passage and where it lies; one that is a whole document, as all that Haystack wrote are, has that one's id, and
    its metadata over everything else."""
    passage = retrieved.passage
    whole = passage.start == 0 and passage.document.content_hash == content_hash(passage.text)
    where: dict[str, Any] = {
        "document_id": passage.document.id,
        "title": passage.document.title,
        "source": passage.document.source,
        "start": passage.start,
        "end": passage.end,
    }
    if passage.page is not None:
        where["page"] = passage.page
    own = passage.document.meta
    return Document(
        id=passage.document.id if whole else passage.id,
        content=passage.text,
        meta={**where, **own} if whole else {**own, **where},
        score=retrieved.score,
    )
