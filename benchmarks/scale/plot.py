"""A report of `lector benchmark store` as a picture: how everything grows."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.scale.tables import NAMES, Store

STYLES = ("-", "--", ":")  # of the lines of one store

Value = Callable[[Store], float | None]  # None: a store has no such figure


def plot(report: dict[str, Any], path: Path) -> None:
    """Searching without and with a filter, opening, and memory and disk, against the number of passages."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (label, values) in zip(figure.subplots(2, 2).flat, _panels().items(), strict=True):
        for kind, what, style, line in _lines(report, values):
            sizes, heights = zip(*line, strict=True)
            colour = f"C{list(NAMES).index(kind)}"
            axes.plot(sizes, heights, style, color=colour, marker="o", markersize=4, label=f"{NAMES[kind]}, {what}")
        axes.set(xscale="log", yscale="log", xlabel="passages", ylabel=label)
        axes.grid(visible=True, which="both", alpha=0.2)
        axes.legend(fontsize="x-small")
    figure.savefig(path, dpi=110)


def _panels() -> dict[str, dict[str, Value]]:
    """For each panel, by its unit, the lines that a store has in it."""
    return {
        "ms a search, p50": {mode: partial(_searching, mode) for mode in ("dense", "sparse", "hybrid")},
        "ms a dense search with a 1 % filter, p50": {use: partial(_filtered, use) for use in ("first", "repeated")},
        "s to open": {how: partial(_opening, how) for how in ("warm", "cold", "behind")},
        "MB": {
            "on disk": lambda store: float(store["bytes"]["total"]) / 1e6,
            "resident": lambda store: float(store["memory_mb"]["searched"]["now"]),
        },
    }


def _lines(report: dict[str, Any], values: dict[str, Value]) -> Iterator[tuple[str, str, str, list[tuple[int, float]]]]:
    """Kind of store, what is drawn, style, and (size, value) points."""
    for kind in NAMES:
        stores = [store for store in report["stores"] if store["kind"] == kind and "error" not in store]
        for (what, value), style in zip(values.items(), STYLES, strict=False):
            line = [(store["size"], found) for store in stores if (found := value(store)) is not None]
            if line:
                yield kind, what, style, line


def _searching(mode: str, store: Store) -> float | None:
    return float(store["search"][mode]["latency_ms"]["none"]["p50"]) if mode in store["search"] else None


def _filtered(use: str, store: Store) -> float | None:
    return float(store["search"]["dense"]["latency_ms"]["1 %"][use]["p50"])


def _opening(how: str, store: Store) -> float | None:
    return float(store["open"][how]["seconds"]) if how in store["open"] else None
