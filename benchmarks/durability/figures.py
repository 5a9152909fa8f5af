"""How the figures of a report are put."""

import statistics
from collections.abc import Sequence
from typing import Any


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """Median and most; of nothing, neither."""
    if not milliseconds:
        return {}
    return {"p50": round(statistics.median(milliseconds), 1), "max": round(max(milliseconds), 1)}


def durability_table(report: dict[str, Any]) -> str:
    """One row a part, as Markdown."""
    rows = ["| what was done to a store | how often | failures |", "|---|---|---|"]
    if "kills" in report:
        kills = report["kills"]
        where = ", ".join(f"{region} {sum(how.values())}" for region, how in kills["regions"].items())
        rows.append(f"| writer killed: {where} | {kills['kills']} | {kills['failed']} |")
    if "full_disk" in report:
        full = report["full_disk"]
        where = ", ".join(f"{region} {count}" for region, count in full["regions"].items())
        rows.append(f"| disk run full: {where} | {full['filled']} | {full['failed']} |")
    if "damaged_files" in report:
        damaged = report["damaged_files"]
        where = ", ".join(f"{view} view {sum(kinds.values())}" for view, kinds in damaged["views"].items())
        rows.append(f"| files damaged: {where} | {damaged['damages']} | {damaged['failed']} |")
    for kind in ("threads", "processes"):
        if race := report.get("readers", {}).get(kind):
            stale = ", ".join(f"{name} {ms:g} ms" for name, ms in race["staleness_ms"].items())
            rows.append(
                f"| {race['readers']} reader {kind} and a writer, {race['seconds']:g} s; staleness {stale} "
                f"| {race['searches']:,} searches, {race['writes']:,} writes | {race['failed']} |"
            )
    return "\n".join(rows)
