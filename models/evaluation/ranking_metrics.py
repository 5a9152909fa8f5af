"""Metrics of rankings, question by question, by ir-measures over trec_eval's own code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.judgements import Relevance

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """What a retriever brought for one question."""

    ids: tuple[str, ...]  # best first, each once
    relevant: Mapping[str, int]  # grades above 0 by id, of all that is known to be relevant, brought or not
    ms: float  # from the question to the ranking

    @property
    def first_relevant(self) -> int | None:
        """The rank, from 1, of the first relevant one."""
        return next((rank for rank, id_ in enumerate(self.ids, 1) if id_ in self.relevant), None)


def metric_names(relevance: Relevance, at: Sequence[int]) -> list[str]:
    """The metrics that a kind of relevance allows, at every cutoff; `map` and `mrr` also over the whole ranking.

    Where answers tell what is relevant, no one knows how much of the corpus is; then nothing that is a share of all
    that is relevant can be had.
    """
    whole = ["mrr"] if relevance == "answer" else ["map", "mrr"]
    kinds = ["hit", "precision"] if relevance == "answer" else ["ndcg", "recall", "hit", "precision"]
    return [*(f"{kind}@{k}" for kind in (*kinds, *whole) for k in at), *whole]


def measure(rankings: Sequence[Ranking], names: Sequence[str]) -> Floats:
    """Each metric of each question: (questions, metrics), in [0, 1].

    nDCG takes grades as gains, as trec_eval and BEIR do (Järvelin & Kekäläinen 2002); `recall` is the share of all
    relevant documents that are among the first k, `hit` whether any is, `precision` the share of the k that are
    relevant, `map` the mean precision at the relevant ones, `mrr` one over the rank of the first; at a cutoff, what
    ranks below it is as if it had not been brought.
    """
    import ir_measures

    kinds = {"ndcg": ir_measures.nDCG, "recall": ir_measures.R, "hit": ir_measures.Success, "precision": ir_measures.P}
    kinds |= {"map": ir_measures.AP, "mrr": ir_measures.RR}
    columns: dict[Any, int] = {}
    values = np.zeros((len(rankings), len(names)))
    for column, name in enumerate(names):
        kind, _, k = name.partition("@")
        if kind == "mrr" and k:  # trec_eval has it of whole rankings only
            values[:, column] = [1 / rank if (rank := one.first_relevant) and rank <= int(k) else 0 for one in rankings]
        else:
            columns[kinds[kind] @ int(k) if k else kinds[kind]] = column
    # trec_eval has an order of its own for equal scores, and skips questions that nothing is relevant to.
    run = {str(i): {id_: float(-rank) for rank, id_ in enumerate(one.ids)} for i, one in enumerate(rankings)}
    judged = {str(i): dict(one.relevant) or {"": 1} for i, one in enumerate(rankings)}
    for metric in ir_measures.pytrec_eval.evaluator(list(columns), judged).iter_calc(run):
        values[int(metric.query_id), columns[metric.measure]] = metric.value
    return values
