"""Inexact indexes: what they find, also under filters, after deletions and after reopening."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import store.nearest
import store.views
from store import snapshot
from store.catalog import Catalog
from store.collection import Collection
from store.dense import unit
from store.nearest import Nearest, choose
from store.options import Options
from store.records import NewDocument, NewPassage
from store.views import EncoderIdentity
from tests.store.made import ENCODER

DIMENSION = 32
PASSAGES = 1_500
WIDE = EncoderIdentity("w" * 64, DIMENSION)
FACTORIES = ["SQ8", "HNSW16,SQ8", "IVF16,SQ8", "IVF16,Flat", "PCA24,IVF16,SQ8"]


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    """Unit vectors in clusters, as embeddings of texts are."""
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(30, DIMENSION))
    found = centres[rng.integers(30, size=PASSAGES)] + 0.6 * rng.normal(size=(PASSAGES, DIMENSION))
    return unit(found.astype(np.float32))


def documents(vectors: NDArray[np.float32], first: int, last: int) -> list[NewDocument]:
    return [
        NewDocument(str(i), "every", (NewPassage(0, 5, vectors[i]),), meta={"i": i, "even": i % 2 == 0})
        for i in range(first, last)
    ]


@pytest.fixture(params=FACTORIES)
def made(
    request: pytest.FixtureRequest, tmp_path: Path, vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Collection]:
    """An inexact index of the first 1,000 passages, 100 of them deleted, and later ones beside it."""
    monkeypatch.setattr(store.nearest, "LEAST_INEXACT", 500)
    monkeypatch.setattr(store.views, "SNAPSHOT_EVERY", 900)
    collection = Collection(tmp_path / "wide", WIDE, Options(index=request.param))
    collection.write(documents(vectors, 0, 1000))
    collection.delete([str(i) for i in range(100)])
    collection.write(documents(vectors, 1000, PASSAGES))
    assert collection._views._dense.nearest.factory == request.param
    yield collection
    collection.close()


def recall(collection: Collection, vectors: NDArray[np.float32], low: int, high: int) -> float:
    """Of the 20 nearest passages in [low, high) by brute force, the share that is found, over 20 questions."""
    conditions = [{"field": "i", "operator": o, "value": v} for o, v in ((">=", low), ("<", high))]
    filters = {"operator": "AND", "conditions": conditions} if (low, high) != (100, PASSAGES) else None
    found = []
    for question in vectors[::75]:
        hits = collection.search_dense(question, 20, filters)
        passages = collection.passages([hit.number for hit in hits])
        ids = [int(passages[hit.number].document.id) for hit in hits]
        cosines = vectors @ question
        assert [hit.score for hit in hits] == pytest.approx(cosines[ids].tolist(), abs=1e-5)
        assert all(low <= i < high for i in ids)
        expected = low + np.argsort(-cosines[low:high])[:20]
        assert len(ids) == len(expected)
        found.append(len(set(ids) & set(expected.tolist())) / len(expected))
    return float(np.mean(found))


def test_nearly_all_of_the_nearest_are_found_with_exact_scores(made: Collection, vectors: NDArray[np.float32]) -> None:
    # Everything; nearly everything; a third, in the index and beside it; the later ones; a handful; a single one.
    ranges = [(100, PASSAGES), (110, PASSAGES), (800, 1300), (1000, PASSAGES), (500, 530), (700, 701)]
    assert [recall(made, vectors, *some) >= 0.95 for some in ranges] == [True] * len(ranges)
    made.close()
    again = Collection(made.folder, WIDE)
    assert again.options == made.options
    assert [recall(again, vectors, *some) >= 0.95 for some in ranges] == [True] * len(ranges)
    again.write(documents(vectors, 0, 100))
    assert recall(again, vectors, 0, PASSAGES) >= 0.95
    again.close()


def test_auto_is_exact_up_to_a_size() -> None:
    assert [choose("auto", n) for n in (0, 50_000, 50_001, 10**7)] == [
        "Flat",
        "Flat",
        "HNSW32,SQ8",
        "IVF16384_HNSW32,SQ8",
    ]
    assert [choose("SQ8", n) for n in (999, 1_000)] == ["Flat", "SQ8"]


def test_an_index_that_cannot_be_trained_yet_is_exact() -> None:
    few = np.eye(ENCODER.dimension, dtype=np.float32)
    nearest = Nearest.build("IVF64,Flat", ENCODER.dimension, few, [(np.arange(8), few)])
    assert nearest.exact
    assert nearest.search(few[3], 1, 1, None)[0].tolist() == [3]


def test_another_index_is_made_when_it_is_set(
    tmp_path: Path, vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.nearest, "LEAST_INEXACT", 100)
    catalog = Catalog(tmp_path, WIDE)
    collection = catalog.create("wide", Options(index="SQ8"))
    collection.write(documents(vectors, 0, PASSAGES))
    collection.close()  # leaves a snapshot

    changed = catalog.change("wide", Options(index="HNSW16,SQ8"))
    assert catalog.get("wide") is changed
    assert changed._views._dense.nearest.factory == "HNSW16,SQ8"
    assert recall(changed, vectors, 0, PASSAGES) >= 0.95
    catalog.close()
    left = tmp_path / "wide" / "dense.snapshot"
    assert snapshot.load(left, DIMENSION, WIDE.checksum, "SQ8") is None
    assert snapshot.load(left, DIMENSION, WIDE.checksum, "HNSW16,SQ8") is not None
    again = Collection(tmp_path / "wide", WIDE)
    assert again.options == Options(index="HNSW16,SQ8")
    assert again._views._dense.nearest.factory == "HNSW16,SQ8"
    again.close()


def test_an_index_that_outgrew_its_training_is_made_anew(
    tmp_path: Path, vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.nearest, "LEAST_INEXACT", 100)
    monkeypatch.setattr(store.views, "SNAPSHOT_EVERY", 200)
    collection = Collection(tmp_path / "wide", WIDE, Options(index="SQ8"))
    built = []
    for first in range(0, PASSAGES, 250):
        collection.write(documents(vectors, first, first + 250))
        built.append(collection._views._dense.nearest.built)
    assert built == [250, 250, 250, 250, 1250, 1250]
    collection.close()
