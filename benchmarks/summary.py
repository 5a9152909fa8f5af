"""Many measurements in a few figures."""

import statistics
from collections.abc import Sequence


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    ordered = sorted(milliseconds)
    return {"p50": round(statistics.median(ordered), 2), "p95": round(ordered[int(0.95 * len(ordered))], 2)}


def means(points: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Mean EM and F1 in percent, of each question's in [0, 1]."""
    em, f1 = (round(100 * statistics.mean(values), 2) for values in zip(*points, strict=True))
    return {"em": em, "f1": f1}
