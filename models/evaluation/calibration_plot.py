"""The report of `lector evaluate calibrate` as a figure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def draw(report: Mapping[str, Any], path: Path) -> None:
    """A reliability diagram of both probabilities, and the risk-coverage curve, of 1500 by 720 pixels as a PNG."""
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    held_out = report["held_out"]
    figure = Figure(figsize=(10, 4.8), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="what is said comes true")
    for name, label, error in (("answer", "first answer is right", "ece"), ("no_answer", "no answer", "no_answer_ece")):
        bins = report["reliability"][name]
        left.plot(
            [b["said"] for b in bins], [b["true"] for b in bins], "o-", label=f"{label} (ECE {held_out[error]:.3f})"
        )
    left.set(xlabel="probability that was said", ylabel="share that came true", xlim=(0, 1), ylim=(0, 1))
    left.set_title("Reliability")
    left.legend(loc="lower right")
    coverage, risk = zip(*report["risk_coverage"], strict=True)
    right.plot(coverage, risk, label=f"most confident first (AURC {held_out['aurc']:.3f})")
    right.axhline(1 - held_out["accuracy"], color="0.7", linestyle="--", label="all answered")
    right.set(xlabel="share of questions answered", ylabel="share of these answered wrong", xlim=(0, 1), ylim=(0, 1))
    right.set_title("Risk and coverage")
    right.legend(loc="upper left")
    figure.suptitle(
        f"{report['questions']:,} questions held out by context, {report['passages']} passages read for each"
    )
    figure.savefig(path)
