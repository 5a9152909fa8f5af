"""Metrics of rankings: worked out by hand, and against trec_eval's own code on random rankings."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from models.evaluation.judgements import Query
from models.evaluation.ranking_metrics import Ranking, measure, metric_names
from models.evaluation.rankings import Found, rank
from models.evaluation.retriever_run import evaluate

pytrec_eval = pytest.importorskip("pytrec_eval")

AT = (1, 2, 3, 5)


def scores(ids: Sequence[str], relevant: dict[str, int], names: Sequence[str]) -> dict[str, float]:
    values = measure([Ranking(tuple(ids), relevant, 1.0)], names)
    return dict(zip(names, values[0].tolist(), strict=True))


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_what_stands_just_beyond_a_cutoff_does_not_count(at: int) -> None:
    found = scores("abcd", {"abcd"[at - 1]: 1}, metric_names("document", (1, 2, 3, 4)))
    for k in (1, 2, 3, 4):
        inside = float(at <= k)
        assert found[f"hit@{k}"] == found[f"recall@{k}"] == inside
        assert found[f"precision@{k}"] == pytest.approx(inside / k)
        assert found[f"ndcg@{k}"] == pytest.approx(inside / math.log2(at + 1))
        assert found[f"map@{k}"] == found[f"mrr@{k}"] == pytest.approx(inside / at)
    assert found["map"] == found["mrr"] == pytest.approx(1 / at)
    assert Ranking(tuple("abcd"), {"abcd"[at - 1]: 1}, 1.0).first_relevant == at


def test_several_relevant_ones_of_different_grades() -> None:
    found = scores("xaybz", {"a": 1, "b": 3, "c": 2}, metric_names("document", AT))
    assert [found[f"hit@{k}"] for k in AT] == [0, 1, 1, 1]
    assert [found[f"recall@{k}"] for k in AT] == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3])
    assert [found[f"precision@{k}"] for k in AT] == pytest.approx([0, 1 / 2, 1 / 3, 2 / 5])
    assert found["mrr"] == 1 / 2
    assert found["map"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert [found[f"mrr@{k}"] for k in AT] == [0, 1 / 2, 1 / 2, 1 / 2]
    assert [found[f"map@{k}"] for k in AT] == pytest.approx([0, 1 / 6, 1 / 6, 1 / 3])
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert found["ndcg@5"] == pytest.approx((1 / math.log2(3) + 3 / math.log2(5)) / ideal)
    assert found["ndcg@2"] == pytest.approx((1 / math.log2(3)) / (3 / math.log2(2) + 2 / math.log2(3)))


def test_a_question_for_which_nothing_was_brought_counts_as_0() -> None:
    names = metric_names("document", AT)
    values = measure([Ranking((), {"a": 1}, 1.0), Ranking(("a",), {"a": 1}, 1.0)], names)
    assert values[0].tolist() == [0.0] * len(names)
    assert values[1, names.index("mrr")] == 1


def test_by_answer_there_are_only_metrics_that_need_no_count_of_all_that_is_relevant() -> None:
    names = metric_names("answer", (1, 5))
    assert names == ["hit@1", "hit@5", "precision@1", "precision@5", "mrr@1", "mrr@5", "mrr"]
    values = measure([Ranking(("a", "b"), {"b": 1}, 1.0), Ranking(("a", "b"), {}, 1.0)], names)
    assert values.tolist() == [[0, 1, 0, 0.2, 0, 0.5, 0.5], [0, 0, 0, 0, 0, 0, 0]]
    assert Ranking(("a", "b"), {}, 1.0).first_relevant is None


def random_rankings(count: int, seed: int) -> list[Ranking]:
    rng = np.random.default_rng(seed)
    ids = [f"d{number}" for number in range(60)]
    return [
        Ranking(
            tuple(rng.permutation(ids)[: rng.integers(0, 40)].tolist()),
            {id_: int(rng.integers(1, 4)) for id_ in rng.choice(ids, rng.integers(1, 9), replace=False).tolist()},
            1.0,
        )
        for _ in range(count)
    ]


def test_random_rankings_measure_as_trec_eval_does() -> None:
    rankings, at = random_rankings(200, seed=1), (1, 3, 5, 10, 20)
    theirs = {"ndcg": "ndcg_cut", "recall": "recall", "hit": "success", "precision": "P", "map": "map_cut"}
    asked = {f"{name}.{','.join(map(str, at))}" for name in theirs.values()} | {"map", "recip_rank"}
    judged = {str(i): dict(one.relevant) for i, one in enumerate(rankings)}
    run = {str(i): {id_: 1 / rank for rank, id_ in enumerate(one.ids, 1)} for i, one in enumerate(rankings)}
    expected = pytrec_eval.RelevanceEvaluator(judged, asked).evaluate(run)
    names = [name for name in metric_names("document", at) if not name.startswith("mrr@")]  # which it does not have
    for i, row in enumerate(measure(rankings, names)):
        for name, value in zip(names, row, strict=True):
            kind, _, k = name.partition("@")
            key = f"{theirs[kind]}_{k}" if k else {"map": "map", "mrr": "recip_rank"}[kind]
            assert value == pytest.approx(expected.get(str(i), {}).get(key, 0.0), abs=1e-4), (i, name)


def test_random_rankings_measure_as_the_definitions_say() -> None:
    rankings, at = random_rankings(100, seed=2), (1, 4, 10)
    names = metric_names("document", at)
    for one, row in zip(rankings, measure(rankings, names), strict=True):
        grades = [one.relevant.get(id_, 0) for id_ in one.ids]
        hits = [grade > 0 for grade in grades]
        ideal = sorted(one.relevant.values(), reverse=True)
        found = dict(zip(names, row, strict=True))
        for k in at:
            gain, best = (sum(g / math.log2(i + 2) for i, g in enumerate(some[:k])) for some in (grades, ideal))
            assert found[f"ndcg@{k}"] == pytest.approx(gain / best)
            assert found[f"recall@{k}"] == pytest.approx(sum(hits[:k]) / len(ideal))
            assert found[f"precision@{k}"] == pytest.approx(sum(hits[:k]) / k)
            assert found[f"hit@{k}"] == any(hits[:k])
            assert found[f"mrr@{k}"] == pytest.approx(1 / (hits.index(True) + 1) if any(hits[:k]) else 0)
        assert found["map"] == pytest.approx(
            sum(sum(hits[: i + 1]) / (i + 1) for i, h in enumerate(hits) if h) / len(ideal)
        )
        assert found["mrr"] == pytest.approx(1 / (hits.index(True) + 1) if any(hits) else 0)


def test_rankings_are_as_deep_as_asked_and_hold_each_document_once() -> None:
    asked: list[int] = []

    def search(query: Query, limit: int) -> list[Found]:
        asked.append(limit)
        assert query.id == "q"
        return [Found(f"d{number // 2}", f"d{number // 2}:{number % 2}", f"text {number}") for number in range(9)]

    query = Query("q", "Which?", {"d1": 2}, ("3",))
    (documents,) = rank(search, "mine", [query], "document", depth=5)
    assert documents.ids == ("d0", "d1", "d2")
    assert documents.relevant == {"d1": 2}
    (passages,) = rank(search, "mine", [query], "passage", depth=5)
    assert passages.ids == ("d0:0", "d0:1", "d1:0", "d1:1", "d2:0")
    (answers,) = rank(search, "mine", [query], "answer", depth=5)
    assert answers.relevant == {"d1:1": 1}
    assert answers.first_relevant == 4
    assert set(asked) == {5}
    evaluation = evaluate({"mine": search}, [query], "answer", (1, 3, 4))
    assert evaluation.values["mine"][0, :3].tolist() == [0, 0, 1]
    assert asked[-1] == 100
    evaluate({"mine": search}, [query], "answer", (120,))
    assert asked[-1] == 120
