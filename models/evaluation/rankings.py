"""Rankings of the passages that a retriever brings: one of ours over a collection, or any Haystack retriever."""

import importlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from models.encoder import Encoder, join_titles
from models.evaluation.judgements import Query, Relevance, Text, holds_answer
from models.evaluation.ranking_metrics import Ranking
from models.evaluation.terminal import Track, silently
from models.reader import Reader
from models.reranking import reranked
from models.retrieval import Retrieved, RetrieverName, retrieve
from store.collection import Collection
from store.errors import InvalidInput, LectorError, NotFound

OURS: tuple[RetrieverName, ...] = get_args(RetrieverName)
RERANKED = "reranked"  # hybrid, and then the reader


@dataclass(frozen=True)
class Found:
    """A passage that a retriever brought."""

    document: str  # id
    passage: str  # id
    text: str


Search = Callable[[Query, int], Sequence[Found]]  # a question and how many passages, to the best of them


def ours(collection: Collection, encoder: Encoder, retriever: RetrieverName, per_document: int | None = None) -> Search:
    """One of the retrievers of the service; passages that it shows as copies of another rank right below that one.

    Where documents are ranked, one passage `per_document` is enough, and more would keep others out.
    """

    def search(query: Query, limit: int) -> list[Found]:
        found = retrieve(collection, encoder, query.text, limit, retriever, query.filters, per_document=per_document)
        return _found(found.passages)

    return search


def by_reader(
    collection: Collection, encoder: Encoder, reader: Reader, passages: int, per_document: int | None
) -> Search:
    """Hybrid retrieval whose first `passages` the reader ranks again; the others follow them as they were."""

    def search(query: Query, limit: int) -> list[Found]:
        deepest = max(limit, passages)
        hybrid = retrieve(collection, encoder, query.text, deepest, "hybrid", query.filters, per_document=per_document)
        first = replace(hybrid, passages=hybrid.passages[:passages])
        return _found((*reranked(query.text, first, reader).passages, *hybrid.passages[passages:]))

    return search


def haystack(component: Any, name: str) -> Search:
    """A Haystack retriever: what has `run(query, top_k)`, and `filters` where a question has some.

    A document that names another as its `document_id`, as our components' do, is a passage of that one.
    """
    if hasattr(component, "warm_up"):
        component.warm_up()

    def search(query: Query, limit: int) -> list[Found]:
        filters = {"filters": query.filters} if query.filters else {}
        try:
            documents = component.run(query=query.text, top_k=limit, **filters)["documents"]
            return [Found(str(d.meta.get("document_id", d.id)), d.id, d.content or "") for d in documents]
        except LectorError:
            raise
        except Exception as error:
            raise InvalidInput(
                f"{name} failed on question {query.id!r} ({error!r}); a retriever takes run(query=..., top_k=...) and "
                'gives {"documents": [...]}'
            ) from error

    return search


def load_component(name: str, parameters: Mapping[str, Any], corpus: Sequence[Text] | None) -> Any:
    """The Haystack component of the class at `package.module:Class`, made with these parameters.

    They may be written as Haystack writes them: a document store, say, as its `type` and `init_parameters`. One that
    is in memory is given the corpus.

    Raises:
        NotFound: there is no such module or class.
        InvalidInput: the name is none of that form, the class does not take the parameters, or its store is in memory
            and there is no corpus to fill it with.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        known = ", ".join((*OURS, RERANKED))
        raise InvalidInput(f"unknown retriever {name!r}; choose of {known}, or name a class as package.module:Class")
    try:
        made = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise NotFound(f"there is no retriever {name!r} ({error}); give the path by which Python imports it") from error
    try:
        if hasattr(made, "from_dict"):
            type_ = f"{made.__module__}.{made.__qualname__}"
            component = made.from_dict({"type": type_, "init_parameters": dict(parameters)})
        else:
            component = made(**parameters)
        _fill(getattr(component, "document_store", None), corpus, name)
        return component
    except LectorError:
        raise
    except Exception as error:
        raise InvalidInput(f"{name} cannot be made with the parameters {dict(parameters)} ({error!r})") from error


def read_parameters(path: Path) -> dict[str, Any]:
    """A YAML or JSON file of init parameters: of one class, or of several under their import paths.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is neither, or holds something else.
    """
    import yaml

    if not path.is_file():
        raise NotFound(f"no file {path}; give a YAML or JSON file of a retriever's init parameters")
    try:
        text = path.read_text(encoding="utf-8")
        parameters = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path} is neither YAML nor JSON: {error}") from error
    if not isinstance(parameters, dict) or not all(isinstance(name, str) for name in parameters):
        raise InvalidInput(f"{path} holds {parameters!r:.60}; it has to map names of parameters to their values")
    return parameters


def parameters_of(classes: Sequence[str], parameters: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Each class's own: what stands under its import path, or, where none of the paths is there, all of them.

    Raises:
        InvalidInput: what stands under a path is no mapping.
    """
    if not any(name in parameters for name in classes):
        return dict.fromkeys(classes, parameters)
    found = {name: parameters.get(name) or {} for name in classes}
    for name, of_class in found.items():
        if not isinstance(of_class, dict):
            raise InvalidInput(
                f"under {name} stands {of_class!r:.60}; it has to map names of parameters to their values"
            )
    return found


def _found(retrieved: Iterable[Retrieved]) -> list[Found]:
    passages = (passage for one in retrieved for passage in (one.passage, *one.copies))
    return [Found(passage.document.id, passage.id, passage.text) for passage in passages]


def _fill(store: Any, corpus: Sequence[Text] | None, name: str) -> None:
    """Write the corpus into a store in memory, each text below its title; other stores bring their own."""
    from haystack import Document
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    if isinstance(store, InMemoryDocumentStore):
        if corpus is None:
            raise InvalidInput(
                f"{name} searches a store in memory, which only a source with a corpus can fill; give --corpus, or a "
                "retriever whose store holds the documents already"
            )
        contents = join_titles([text.text for text in corpus], [text.title for text in corpus], "\n")
        store.write_documents(
            [
                Document(id=text.id, content=content, meta=dict(text.meta))
                for text, content in zip(corpus, contents, strict=True)
            ]
        )


def rank(
    search: Search, name: str, queries: Sequence[Query], relevance: Relevance, depth: int, track: Track = silently
) -> list[Ranking]:
    """Each question's ranking of `depth` passages, and what of it counts as relevant.

    Of a document's passages the best counts as the document, so that a ranking of documents may be shorter.
    """
    search(queries[0], depth)  # what is loaded at the first question is not part of its time
    rankings = []
    for query in track(queries, name):
        began = time.perf_counter()
        found = search(query, depth + len(query.left_out))
        ms = 1000 * (time.perf_counter() - began)
        found = [one for one in found if one.document not in query.left_out][:depth]
        rankings.append(ranking(found, query, relevance, ms))
    return rankings


def ranking(found: Sequence[Found], query: Query, relevance: Relevance, ms: float) -> Ranking:
    """What was found, each document or passage once, and what of it is relevant."""
    texts: dict[str, str] = {}
    for one in found:
        texts.setdefault(one.document if relevance == "document" else one.passage, one.text)
    relevant = query.relevant
    if relevance == "answer":
        relevant = {id_: 1 for id_, text in texts.items() if holds_answer(text, query.answers)}
    return Ranking(tuple(texts), relevant, ms)
