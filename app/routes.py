"""The endpoints."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import RedirectResponse

from app.schemas import (
    AskQuery,
    AskRequest,
    AskResponse,
    CollectionList,
    IndexInfo,
    Problem,
    SearchRequest,
    SearchResponse,
    StoredDocument,
)
from app.state import Service, ServiceDep
from models.pipeline import check_question
from models.reranking import reranked
from models.retrieval import retrieve
from store.errors import LectorError, Unavailable

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {"application/problem+json": {}}, "description": description}
    for status, description in ((404, "No such collection or document"), (422, "The request breaks a rule"))
}

router = APIRouter()
CollectionName = Annotated[str, Path(description="the collection's name", examples=["default"])]


@router.get("/", include_in_schema=False)
def docs() -> RedirectResponse:
    return RedirectResponse("/docs")


@router.get("/health", tags=["operation"])
def health() -> dict[str, str]:
    """Alive: the process answers."""
    return {"status": "alive"}


@router.get("/ready", tags=["operation"], responses={503: {"model": Problem}})
def ready(service: ServiceDep) -> dict[str, str]:
    """Ready: models are loaded, and all collections that were there at the start are open."""
    if service.unopened is None:
        raise Unavailable("collections are being opened; ask again in a moment")
    if service.unopened:
        service.open_all()  # they may have been mended
    if service.unopened:
        raise Unavailable("; ".join(f"collection {name}: {why}" for name, why in service.unopened.items()))
    return {"status": "ready"}


@router.get("/v1/collections", tags=["collections"])
def list_collections(service: ServiceDep) -> CollectionList:
    """All collections and their sizes, and those that cannot be opened."""
    opened, unopened = [], {}
    for name in service.catalog.names():
        try:
            opened.append(IndexInfo.of(name, service.catalog.get(name).state()))
        except LectorError as error:
            unopened[name] = str(error)
    return CollectionList(collections=opened, unopened=unopened)


@router.get("/v1/collections/{collection}/documents/{document:path}", tags=["collections"], responses=_PROBLEMS)
def document(service: ServiceDep, collection: CollectionName, document: str) -> StoredDocument:
    """A document as it is stored: the text that all offsets count in, by the id that answers name."""
    with service.catalog.get(collection).reading() as reading:
        return StoredDocument.of(reading.document(document), reading.document_text(document))


@router.post("/v1/collections/{collection}/ask", tags=["questions"], responses=_PROBLEMS)
def ask(service: ServiceDep, collection: CollectionName, body: AskRequest) -> AskResponse:
    """Answer a question with verbatim spans of the collection's documents."""
    return _ask(service, collection, body)


@router.get("/v1/collections/{collection}/ask", tags=["questions"], responses=_PROBLEMS)
def ask_by_url(service: ServiceDep, collection: CollectionName, query: Annotated[AskQuery, Query()]) -> AskResponse:
    """The same from a browser's address bar; filters need POST."""
    return _ask(service, collection, query)


@router.post("/v1/collections/{collection}/search", tags=["questions"], responses=_PROBLEMS)
def search(service: ServiceDep, collection: CollectionName, body: SearchRequest) -> SearchResponse:
    """Find passages; the reader looks at them only if it is to rank them again."""
    settings = service.settings
    question = check_question(body.question)
    retrieval = retrieve(
        service.catalog.get(collection),
        service.answerer.encoder,
        question,
        body.top_k or settings.passages,
        body.retriever or settings.retriever,
        body.filters,
        per_document=body.per_document or settings.per_document,
    )
    if body.rerank:
        retrieval = reranked(question, retrieval, service.answerer.reader)
    return SearchResponse.of(question, retrieval, collection)


def _ask(service: Service, collection: str, body: AskQuery) -> AskResponse:
    stored = service.catalog.get(collection)
    options = body.model_dump(exclude={"question"})
    outcome = service.answerer.ask(stored, body.question, **options)
    return AskResponse.of(outcome, collection, service.answerer.name)
