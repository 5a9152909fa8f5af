"""Retrievers put to the questions of a source, over its corpus or over a collection that is there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.encoder import Encoder
from models.evaluation.corpus import existing, indexed
from models.evaluation.judgements import Judgements, Query, Relevance
from models.evaluation.ranking_metrics import measure, metric_names
from models.evaluation.rankings import (
    OURS,
    RERANKED,
    Search,
    by_reader,
    haystack,
    load_component,
    ours,
    parameters_of,
    rank,
)
from models.evaluation.retriever_report import Evaluation
from models.evaluation.terminal import Track, silently
from models.reader import load_reader
from models.settings import Settings
from store.collection import Collection
from store.errors import InvalidInput

FEWEST_RANKED = 100  # passages, however small the cutoffs are: what `map` and `mrr` look at


@dataclass(frozen=True)
class Place:
    """Where the questions are put: a source's corpus, kept below `index`, or the collection of that name."""

    name: str
    judgements: Judgements
    index: Path | None = None
    collection: str | None = None


@contextmanager
def opened(place: Place, settings: Settings, track: Track = silently) -> Iterator[tuple[Collection, Encoder]]:
    """The collection to be asked, indexed first where it has to be, and its encoder.

    Raises:
        InvalidInput: the source has a corpus, and a collection is named too; or there is neither; or a place to keep
            an index is named, and nothing to index.
    """
    corpus = place.judgements.corpus
    if (corpus is None) == (place.collection is None):
        raise InvalidInput(
            f"{place.name} brings its own corpus; leave --collection out"
            if place.collection
            else f"{place.name} brings no corpus; name what its questions are about, with --collection or --corpus"
        )
    if place.collection and place.index:
        raise InvalidInput("--index keeps the corpus of a source; with --collection there is none, so leave it out")
    encoder = Encoder.load(settings.encoder, settings.threads)
    if corpus is not None:
        with indexed(place.name, corpus, encoder, place.index, track) as collection:
            yield collection, encoder
    else:
        assert place.collection is not None
        with existing(place.collection, settings.data, encoder) as collection:
            yield collection, encoder


@contextmanager
def searches(
    names: Sequence[str],
    place: Place,
    relevance: Relevance,
    settings: Settings,
    parameters: Mapping[str, Any],
    track: Track = silently,
) -> Iterator[tuple[dict[str, Search], Collection | None]]:
    """How to ask each retriever, and the collection that ours ask, if there is one of ours.

    Raises:
        InvalidInput: there are parameters, but no class to take them, or a place, but no retriever of ours to look
            there; and errors as of `parameters_of`, `load_component`, `opened`.
    """
    classes = [name for name in names if name not in (*OURS, RERANKED)]
    if parameters and not classes:
        raise InvalidInput("parameters of a retriever's class go with one that is named as package.module:Class")
    corpus = place.judgements.corpus
    of_class = parameters_of(classes, parameters)
    asked = {name: haystack(load_component(name, of_class[name], corpus), name) for name in classes}
    if len(classes) == len(names):
        if place.index or place.collection:
            raise InvalidInput("none of these retrievers asks a collection of ours; leave --index and --collection out")
        yield asked, None
        return
    per_document = 1 if relevance == "document" else None
    with opened(place, settings, track) as (collection, encoder):
        asked |= {name: ours(collection, encoder, name, per_document) for name in OURS if name in names}
        if RERANKED in names:
            reader = load_reader(settings.reader, settings.threads)
            asked[RERANKED] = by_reader(collection, encoder, reader, settings.passages, per_document)
        yield {name: asked[name] for name in names}, collection


def evaluate(
    asked: Mapping[str, Search],
    queries: Sequence[Query],
    relevance: Relevance,
    at: Sequence[int],
    track: Track = silently,
) -> Evaluation:
    """Rank once for each retriever, as deep as the largest cutoff, and measure at all of them."""
    metrics = metric_names(relevance, at)
    depth = max(*at, FEWEST_RANKED)
    rankings = {name: rank(search, name, queries, relevance, depth, track) for name, search in asked.items()}
    values = {name: measure(ranked, metrics) for name, ranked in rankings.items()}
    return Evaluation(relevance, queries, metrics, rankings, values)


def corpus_counts(
    judgements: Judgements, queries: Sequence[Query], relevance: Relevance, collection: Collection | None
) -> dict[str, Any]:
    """What was searched, and how many of the ids that the questions call relevant are not in it.

    Raises:
        InvalidInput: none of these ids is in it.
    """
    counts: dict[str, Any] = {}
    ids: set[str] | None = None
    if judgements.corpus is not None:
        ids = {text.id for text in judgements.corpus}
        counts = {"documents": len(ids), "distractors": judgements.distractors}
    if collection is not None:
        state = collection.state()
        counts |= {"collection": collection.name, "documents": state.documents, "passages": state.passages}
        if relevance == "passage":
            ids = set(collection.passage_ids())
        ids = ids or {document.id for document in collection.documents()}
    if ids is None or relevance == "answer":
        return counts
    judged = {id_ for query in queries for id_ in query.relevant}
    missing = [id_ for id_ in judged if id_ not in ids]
    if len(missing) == len(judged):
        raise InvalidInput(
            f"none of the {len(judged)} relevant ids, such as {min(missing)!r}, is a {relevance} of the corpus or "
            "collection; is it the right one, and --relevance what the ids name?"
        )
    return {**counts, "judged": len(judged), "judged_missing": len(missing)}
