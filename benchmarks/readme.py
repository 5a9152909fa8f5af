"""Writes the README's figures from the results in `benchmarks/results`; `--check` only compares.

python -m benchmarks.readme
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.tables import reader_caption, reader_table

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
READERS = "reader-benchmark"
BEGIN, END = "<!-- figures: written by `python -m benchmarks.readme` -->\n", "<!-- end of figures -->"


def figures() -> str:
    """The section between the README's two markers."""
    int8, fp32, serving = (_load(name) for name in ("reader-int8", "reader-fp32", "serving"))
    rows = ["| question set | questions | EM int8 | F1 int8 | F1 fp32 |", "|---|---|---|---|---|"]
    for file, scores in int8["files"].items():
        whole = fp32["files"].get(file)
        name = Path(file).name.removesuffix(".gz").removesuffix(".json")
        unquantized = f"{whole['f1']:.1f}" if whole else "–"
        rows.append(f"| {name} | {scores['n']:,} | {scores['em']:.1f} | {scores['f1']:.1f} | {unquantized} |")
    latency = serving["latency_ms"]
    cost = (
        f"Serving the demo ({serving['index']['passages']:,} passages; {serving['machine']['cores']} cores, "
        f"{serving['machine']['processor']}): {serving['start_to_first_answer_s']:.1f} s from start to first answer, "
        f"{serving['resident_mb_after_all']:.0f} MB resident, a question {latency['p50']:.0f} ms (median; "
        f"95 % under {latency['p95']:.0f} ms) with ten passages read."
    )
    return "\n".join([*rows, "", cost, *_side_by_side()]) + "\n"


def _side_by_side() -> list[str]:
    """Lector's readers beside their peers, once `lector benchmark reader` has measured them."""
    if not (RESULTS / f"{READERS}.json").is_file():
        return []
    report = _load(READERS)
    return ["", reader_table(report), "", reader_caption(report)]


def with_figures(readme: str) -> str:
    """The README with its figures replaced."""
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + figures() + END + tail


def _load(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit with 1 if the README differs")
    arguments = parser.parse_args()
    path = ROOT / "README.md"
    readme = path.read_text(encoding="utf-8")
    if arguments.check:
        raise SystemExit(readme != with_figures(readme))
    path.write_text(with_figures(readme), encoding="utf-8")


if __name__ == "__main__":
    main()
