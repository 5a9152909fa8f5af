"""What an evaluation of retrievers found: as figures, as a table, as a plot, and question by question."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.judgements import RULES, Query, Relevance
from models.evaluation.ranking_metrics import Ranking
from models.evaluation.resampling import bootstrap_intervals, paired_randomization
from store.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Group

Floats = NDArray[np.float64]

SHOWN_IDS = 10  # of each question's ranking
DIGITS = 4
CERTAIN = 0.05  # a p below is marked
SHOWN_AT_CUTOFFS = ("ndcg", "recall", "hit")  # in the table; more is in the report


@dataclass(frozen=True)
class Evaluation:
    """Rankings of the same questions by several retrievers, and what each metric says of each question."""

    relevance: Relevance
    queries: Sequence[Query]
    metrics: Sequence[str]
    rankings: Mapping[str, Sequence[Ranking]]  # by retriever
    values: Mapping[str, Floats]  # (questions, metrics) by retriever


@dataclass(frozen=True)
class Bound:
    """What a metric has to reach at least: of one retriever, or of each."""

    retriever: str | None
    metric: str
    least: float

    @classmethod
    def of(cls, text: str, retrievers: Sequence[str], metrics: Sequence[str]) -> "Bound":
        """From `metric=least`, or `retriever:metric=least`.

        Raises:
            InvalidInput: it is not of that form, or there is no such retriever or metric.
        """
        what, _, least = text.rpartition("=")
        retriever, _, metric = what.rpartition(":")
        try:
            bound = cls(retriever or None, metric, float(least))
        except ValueError:
            bound = None
        if bound is None or not 0 <= bound.least <= 1:
            raise InvalidInput(f"the bound {text!r} is not of the form recall@10=0.9, with a number from 0 to 1")
        if metric not in metrics:
            raise InvalidInput(f"the bound {text!r} is of no metric that is measured here: {', '.join(metrics)}")
        if retriever and retriever not in retrievers:
            raise InvalidInput(f"the bound {text!r} is of no retriever that is evaluated: {', '.join(retrievers)}")
        return bound

    def failures(self, evaluation: "Evaluation") -> list[str]:
        """A sentence for each retriever that does not reach it; what counts is the mean before it is rounded."""
        column = list(evaluation.metrics).index(self.metric)
        means = {name: float(values[:, column].mean()) for name, values in evaluation.values.items()}
        return [
            f"{name}: {self.metric} is {mean:.6g}, and has to be {self.least} at least"
            for name, mean in means.items()
            if self.retriever in (None, name) and mean < self.least
        ]


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """Means with their intervals and latencies of each retriever, and how each compares with those before it."""
    metrics, values = evaluation.metrics, evaluation.values
    retrievers = {}
    for name, rankings in evaluation.rankings.items():
        ms = [ranking.ms for ranking in rankings]
        retrievers[name] = {
            **_by_name(metrics, values[name].mean(axis=0)),
            "intervals": _by_name(metrics, bootstrap_intervals(values[name])),
            "latency_ms": {f"p{share}": round(float(np.percentile(ms, share)), 2) for share in (50, 95)},
            "questions_per_second": round(1000 * len(ms) / sum(ms), 1),
        }
    significance = {}
    for one, other in combinations(values, 2):
        differences = values[other] - values[one]
        means, ps = _by_name(metrics, differences.mean(axis=0)), _by_name(metrics, paired_randomization(differences))
        significance[f"{other} vs {one}"] = {m: {"difference": means[m], "p": ps[m]} for m in metrics}
    return {
        "relevance": evaluation.relevance,
        "relevance_rule": RULES[evaluation.relevance],
        "questions": len(evaluation.queries),
        "retrievers": retrievers,
        "significance": significance,
    }


def tables(report: Mapping[str, Any]) -> "Group":
    """The figures for a terminal."""
    from rich.console import Group
    from rich.table import Table

    retrievers: dict[str, Any] = report["retrievers"]
    every = next(iter(retrievers.values()))["intervals"]
    metrics = [metric for metric in every if "@" not in metric or _kind(metric) in SHOWN_AT_CUTOFFS]
    means = Table(*("", *retrievers), title="mean over questions [95 % interval]", title_justify="left")
    for metric, after in zip(metrics, [*metrics[1:], ""], strict=True):
        cells = (
            f"{scores[metric]:.3f} [{scores['intervals'][metric][0]:.3f}, {scores['intervals'][metric][1]:.3f}]"
            for scores in retrievers.values()
        )
        means.add_row(
            metric,
            *(cell.replace("[", "\\[") for cell in cells),
            end_section="@" in metric and _kind(after) != _kind(metric),
        )
    for share in ("p50", "p95"):
        means.add_row(f"{share} ms", *(f"{scores['latency_ms'][share]:.1f}" for scores in retrievers.values()))
    means.add_row("questions/s", *(f"{scores['questions_per_second']:.1f}" for scores in retrievers.values()))
    if not report["significance"]:
        return Group(means)
    nearest = min((int(metric.partition("@")[2]) for metric in metrics if "@" in metric), key=lambda k: abs(k - 10))
    shown = [metric for metric in metrics if metric.endswith(f"@{nearest}") or "@" not in metric]
    pairs = Table(*("", *shown), title=f"difference (p; * below {CERTAIN})", title_justify="left")
    for pair, compared in report["significance"].items():
        pairs.add_row(pair, *(_difference(**compared[metric]) for metric in shown))
    return Group(means, pairs)


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Recall over the number of passages, with intervals; or the share of hits, where recall cannot be known."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = "hit" if report["relevance"] == "answer" else "recall"
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, scores in report["retrievers"].items():
        at = [int(metric.partition("@")[2]) for metric in scores["intervals"] if _kind(metric) == kind]
        low, high = zip(*(scores["intervals"][f"{kind}@{k}"] for k in at), strict=True)
        axes.plot(at, [scores[f"{kind}@{k}"] for k in at], marker="o", markersize=3, label=name)
        axes.fill_between(at, low, high, alpha=0.2)
    axes.set_xscale("log")
    axes.set_xticks(at, list(map(str, at)))
    axes.minorticks_off()
    axes.set(xlabel="k", ylabel=f"{kind}@k", ylim=(0, 1.02))
    axes.set_title(
        f"{Path(report['source']).name}: {report['questions']} questions, relevance by {report['relevance']}"
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)


def lines(evaluation: Evaluation) -> list[str]:
    """One JSON object a question: what is relevant to it, and each retriever's metrics and first ids."""
    rows = []
    for i, query in enumerate(evaluation.queries):
        by_retriever = {}
        for name, rankings in evaluation.rankings.items():
            by_retriever[name] = {
                **_by_name(evaluation.metrics, evaluation.values[name][i]),
                "first_relevant": rankings[i].first_relevant,
                "ranking": rankings[i].ids[:SHOWN_IDS],
                "ms": round(rankings[i].ms, 2),
            }
        known = {"answers": query.answers} if evaluation.relevance == "answer" else {"relevant": query.relevant}
        row = {"id": query.id, "question": query.text, **known, "retrievers": by_retriever}
        rows.append(json.dumps(row, ensure_ascii=False))
    return rows


def _by_name(metrics: Sequence[str], values: Floats) -> dict[str, Any]:
    return dict(zip(metrics, values.round(DIGITS).tolist(), strict=True))


def _kind(metric: str) -> str:
    return metric.partition("@")[0]


def _difference(difference: float, p: float) -> str:
    shown = f"{p:.3f}" if p >= 0.001 else "<0.001"
    return f"{difference:+.3f} ({shown}){'*' if p < CERTAIN else ''}"
