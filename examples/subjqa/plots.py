"""The figures of the example as two pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.subjqa.published import PIPELINE, RECALL
from examples.subjqa.retriever import AT

COLOURS = {"sparse": "tab:blue", "dense": "tab:orange", "hybrid": "tab:green"}


def plot_recall(retriever: Mapping[str, Any], path: Path) -> None:
    """Recall over k, by the published counting with the published points, and by the harder one."""
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, counting in ((left, "published"), (right, "harder")):
        counted = retriever[counting]
        for name, colour in COLOURS.items():
            recall = counted["retrievers"][name]
            low, high = zip(*(recall["intervals"][f"recall@{k}"] for k in AT), strict=True)
            axes.plot(AT, [recall[f"recall@{k}"] for k in AT], "o-", color=colour, label=name)
            axes.fill_between(AT, low, high, color=colour, alpha=0.12)
        axes.set_xscale("log")
        axes.set_xticks(AT, list(map(str, AT)))
        axes.minorticks_off()
        axes.set(xlabel="k reviews", ylim=(0.35, 1.02))
        axes.set_title(f"{counting} counting: {counted['questions']} questions, {counted['reviews']:,} reviews")
        axes.grid(alpha=0.3)
    for (name, points), marker in zip(RECALL.items(), "x+", strict=True):
        left.plot(list(points), list(points.values()), marker, color="black", markersize=9, label=name)
    left.set_ylabel("recall@k")
    left.legend(loc="lower right")
    figure.savefig(path, format="png")


def plot_answers(report: Mapping[str, Any], path: Path) -> None:
    """EM and F1 of the reader and of the whole pipeline, before and after fine-tuning."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    axes_of = dict(zip(("reader", "pipeline"), figure.subplots(1, 2, sharey=True), strict=True))
    titles = {"reader": "Reader, each question on its own review", "pipeline": "Whole pipeline, first answer"}
    for part, axes in axes_of.items():
        bars = {when: report[part][when]["test" if part == "reader" else "top_1"] for when in ("shipped", "fine-tuned")}
        if part == "pipeline":
            bars["published"] = PIPELINE
        width = 0.8 / len(bars)
        for i, (name, scores) in enumerate(bars.items()):
            at = [place + (i - (len(bars) - 1) / 2) * width for place in (0, 1)]
            drawn = axes.bar(at, [scores["em"], scores["f1"]], width, label=name, color=("0.65", "tab:green", "0.2")[i])
            axes.bar_label(drawn, fmt="%.1f", fontsize=9)
        axes.set_xticks([0, 1], ["EM", "F1"])
        axes.set_title(titles[part])
        axes.legend(loc="upper left")
    axes_of["reader"].set(ylabel="percent", ylim=(0, 100))
    figure.savefig(path, format="png")
