"""Measuring dense indexes: what is measured is what a collection would have, and the best of it is recommended."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from store.collection import Collection
from store.dense import unit
from store.errors import InvalidInput
from store.nearest import Nearest, check_factory
from store.records import NewDocument, NewPassage
from store.tuning import (
    Measured,
    Trial,
    efforts,
    front,
    index_bytes,
    made_questions,
    measure,
    menu,
    recalls,
    recommend,
)
from store.views import EncoderIdentity

DIMENSION = 32
PASSAGES = 1_500


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """Random vectors of any length, one of them three times, and a passage without one."""
    vectors = np.random.default_rng(1).normal(size=(PASSAGES, DIMENSION)).astype(np.float32)
    vectors[5] = vectors[6] = vectors[7]
    made = Collection(tmp_path_factory.mktemp("data") / "random", EncoderIdentity("r" * 64, DIMENSION))
    made.write([NewDocument(str(i), "every", (NewPassage(0, 5, vector),)) for i, vector in enumerate(vectors)])
    made.write([NewDocument("bare", "every", (NewPassage(0, 5, None),))])
    yield made
    made.close()


@pytest.fixture(scope="module")
def trial(collection: Collection) -> Trial:
    with collection.reading() as reading:
        numbers, vectors = reading.all_embeddings()
    return Trial.of(collection, numbers, vectors, made_questions(vectors, 50), 20)


def test_all_embeddings_are_read_at_unit_length(collection: Collection, trial: Trial) -> None:
    assert trial.vectors.shape == (PASSAGES, DIMENSION)
    assert np.linalg.norm(trial.vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert (np.diff(trial.numbers) > 0).all()
    stored = collection.embeddings([int(trial.numbers[9])])[int(trial.numbers[9])]
    assert trial.vectors[9] == pytest.approx(stored / np.linalg.norm(stored), abs=1e-6)


def test_exact_search_finds_everything_and_its_size_is_that_of_the_vectors(trial: Trial) -> None:
    (flat,) = measure(trial, "Flat")
    assert (flat.recall_at_10, flat.recall_at_20, flat.effort) == (1, 1, None)
    assert flat.bytes == pytest.approx(4 * PASSAGES * DIMENSION, rel=0.01)
    assert 0 < flat.p50_ms <= flat.p95_ms
    brute = np.sort(trial.questions @ trial.vectors.T, axis=1)[:, ::-1][:, :20]
    assert trial.best == pytest.approx(brute, abs=1e-5)


def test_inexact_indexes_are_smaller_and_find_more_with_more_effort(trial: Trial) -> None:
    (scalar,) = measure(trial, "SQ8")
    assert scalar.bytes == pytest.approx(PASSAGES * DIMENSION, rel=0.02)
    assert scalar.recall_at_20 > 0.99  # of its candidates the stored embeddings tell the best
    lists = measure(trial, "IVF38,SQ8")
    assert [m.effort for m in lists] == [16, 32, 64]  # at 64 all lists are searched, and more would be the same
    found = [m.recall_at_20 for m in lists]
    assert 0.5 < found[0] < found[1] < found[2] == 1
    assert len({(m.bytes, m.build_s) for m in lists}) == 1


def test_an_index_that_cannot_be_trained_on_so_few_is_named(trial: Trial) -> None:
    with pytest.raises(InvalidInput, match=r"1,500 passages are too few to train 'IVF2048,Flat'"):
        measure(trial, "IVF2048,Flat")


@pytest.mark.parametrize("factory", ["Flat", "HNSW8,SQ8", "IVF16,PQ16x4fs"])
def test_the_size_is_that_of_the_index_in_writing(trial: Trial, factory: str) -> None:
    nearest = Nearest.build(factory, DIMENSION, trial.vectors, [(trial.numbers, trial.vectors)])
    assert index_bytes(nearest) == len(nearest.written())


def test_made_questions_lie_off_their_passages() -> None:
    vectors = unit(np.random.default_rng(2).normal(size=(300, 384)).astype(np.float32))
    made = made_questions(vectors, 200)
    assert made.shape == (200, 384)
    cosines = made @ vectors.T
    assert len(set(cosines.argmax(axis=1).tolist())) == 200
    assert cosines.max(axis=1) == pytest.approx(0.555, abs=0.15)
    assert (made == made_questions(vectors, 200)).all()
    assert len(made_questions(vectors, 10_000)) == 300


def test_the_menu_grows_with_the_collection_and_can_be_built() -> None:
    assert menu(1_000, 384)[4:] == ("IVF16,Flat", "IVF16,SQ8", "IVF16,PQ192x4fs")
    assert menu(100_000, 384)[4:] == ("IVF1024,Flat", "IVF1024,SQ8", "IVF1024,PQ192x4fs")
    assert menu(10**8, 33)[4:] == ("IVF4096,Flat", "IVF4096,SQ8")
    for factory in menu(1_000, 384):
        check_factory(factory, 384)


def test_only_efforts_that_differ_are_tried() -> None:
    assert efforts("SQ8", 100) == (None,)
    assert efforts("HNSW32,SQ8", 20) == (64, 128, 256, 512, 1024)
    assert efforts("HNSW32,SQ8", 100) == (128, 256, 512, 1024)
    assert efforts("IVF64_HNSW32,SQ8", 100) == (16, 32, 64, 128, 256, 512, 1024)


def test_recall_counts_passages_with_equal_scores_alike() -> None:
    best: NDArray[np.float32] = np.linspace(1, 0.62, 20, dtype=np.float32)[None]  # 1, 0.98, ...
    assert recalls([best[0].tolist()], best) == (1, 1)
    assert recalls([best[0, 1:].tolist()], best) == pytest.approx((0.9, 0.95))
    assert recalls([best[0, :3].tolist(), []], np.repeat(best, 2, axis=0)) == pytest.approx((0.15, 0.075))
    alike = np.full((1, 20), 0.5, np.float32)
    assert recalls([[0.5] * 20], alike) == (1, 1)


def measured(index: str, size: int, p50: float, recall: float = 1.0) -> Measured:
    return Measured(index, None, size, 0, p50, 2 * p50, recall, recall)


SLOW = measured("Flat", 100, 20)
QUICK = measured("HNSW32", 130, 4, 0.97)
SMALL = measured("HNSW32,SQ8", 40, 4.9, 0.96)
SMALLER = measured("IVF64,SQ8", 30, 5.1, 0.96)
WORSE = measured("IVF64,Flat", 110, 4.5, 0.96)
BLIND = measured("SQ8", 1, 1, 0.9)
ALL = [SLOW, QUICK, SMALL, SMALLER, WORSE, BLIND]


def test_the_front_is_of_those_with_enough_recall_that_nothing_beats() -> None:
    assert front(ALL, 0.95) == [QUICK, SMALL, SMALLER, WORSE]
    assert front(ALL, 0.97) == [SLOW, QUICK]
    assert front([SLOW, QUICK, SMALL, measured("SQ6", 40, 5)], 0.95) == [QUICK, SMALL]
    assert front([SMALL, SMALL], 0.95) == [SMALL, SMALL]


@pytest.mark.parametrize(
    ("several", "recall", "best", "reason"),
    [
        (ALL, 0.95, SMALL, "of those with a recall@20 of 0.95 that take at most 1.25 times"),  # SMALLER takes longer
        (ALL, 0.97, QUICK, "of those with a recall@20 of 0.97"),
        (ALL, 0.98, SLOW, "no other with a recall@20 of 0.98 is faster"),
        ([measured("Flat", 100, 4.9), SMALL, BLIND], 0.5, measured("Flat", 100, 4.9), "exact search takes 4.9 ms"),
        ([SLOW], 1.0, SLOW, "no other"),
    ],
)
def test_the_smallest_of_the_fast_is_recommended(
    several: list[Measured], recall: float, best: Measured, reason: str
) -> None:
    chosen, why = recommend(several, recall)
    assert chosen == best
    assert reason in why
