"""Writes the figures of the README and of pages in docs from `benchmarks/results`; `--check` only compares.

python -m benchmarks.readme
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.durability.figures import durability_table
from benchmarks.retrieval_tables import pipeline_table, retrieval_table, retriever_table
from benchmarks.scale.tables import sections, sentence
from benchmarks.tables import reader_caption, reader_table, shortcuts_table

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
READERS, STORES, DURABILITY = "reader-benchmark", "store-benchmark", "store-durability"
RETRIEVERS = ("retriever-benchmark-nfcorpus", "retriever-benchmark-squad")
RETRIEVAL, PIPELINE, SHORTCUTS = ("retrieval-nfcorpus", "retrieval-squad"), "pipeline-squad", "shortcuts"


def figures() -> str:
    """What the README says."""
    base, fast, serving = (_load(name) for name in ("reader-base", "reader-fast", "serving"))
    rows = [
        "| question set | questions | `base` EM | `base` F1 | `fast` EM | `fast` F1 |",
        "|---|---|---|---|---|---|",
    ]
    for file, scores in base["files"].items():
        quick = fast["files"][file]
        name = Path(file).name.removesuffix(".gz").removesuffix(".json")
        rows.append(
            f"| {name} | {scores['n']:,} | {scores['em']:.1f} | {scores['f1']:.1f} "
            f"| {quick['em']:.1f} | {quick['f1']:.1f} |"
        )
    latency = serving["latency_ms"]
    cost = (
        f"Serving the demo ({serving['index']['passages']:,} passages; {serving['machine']['cores']} cores, "
        f"{serving['machine']['processor']}): {serving['start_to_first_answer_s']:.1f} s from start to first answer, "
        f"{serving['resident_mb_after_all']:.0f} MB resident, a question {latency['p50']:.0f} ms (median; "
        f"95 % under {latency['p95']:.0f} ms) with ten passages read."
    )
    return "\n".join([*rows, "", cost, *_store(), *_side_by_side()]) + "\n"


def store_figures() -> str:
    """How the store grows; nothing before `lector benchmark store` was run."""
    return sections(_load(STORES)) + "\n" if _there(STORES) else ""


def _store() -> list[str]:
    return ["", sentence(_load(STORES))] if _there(STORES) else []


def _side_by_side() -> list[str]:
    """Lector's readers beside their peers, once `lector benchmark reader` has measured them."""
    if not _there(READERS):
        return []
    report = _load(READERS)
    return ["", reader_table(report), "", reader_caption(report)]


def durability_figures() -> str:
    """What `lector benchmark durability` counted."""
    return durability_table(_load(DURABILITY)) + "\n"


def retrieval_figures() -> str:
    """How well each retriever finds what is relevant, a table for each corpus."""
    return "\n\n".join(retrieval_table(_load(name)) for name in RETRIEVAL) + "\n"


def pipeline_figures() -> str:
    """The whole way over a corpus, by number of passages read."""
    return pipeline_table(_load(PIPELINE)) + "\n"


def shortcut_figures() -> str:
    """What reading less saves and costs."""
    return shortcuts_table(_load(SHORTCUTS)) + "\n"


def retriever_figures() -> str:
    """Retrievers side by side, on each corpus that `lector benchmark retriever` was run on."""
    return "\n\n".join(retriever_table(_load(name)) for name in RETRIEVERS if _there(name)) + "\n"


PAGES: dict[str, dict[str, Callable[[], str]]] = {  # by page and section
    "README.md": {"figures": figures},
    "docs/evaluation.md": {"pipeline": pipeline_figures},
    "docs/reader.md": {"shortcuts": shortcut_figures},
    "docs/retrieval.md": {"figures": retrieval_figures, "others": retriever_figures},
    "docs/store.md": {"figures": store_figures, "durability": durability_figures},
}


def renewed(page: str, text: str) -> str:
    """A page with its sections written anew, each between its two markers."""
    for name, section in PAGES[page].items():
        begin, end = f"<!-- {name}: written by `python -m benchmarks.readme` -->\n", f"<!-- end of {name} -->"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = head + begin + section() + end + tail
    return text


def _there(name: str) -> bool:
    return (RESULTS / f"{name}.json").is_file()


def _load(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit with 1 if a page differs")
    arguments = parser.parse_args()
    for page in PAGES:
        path = ROOT / page
        text = path.read_text(encoding="utf-8")
        if not arguments.check:
            path.write_text(renewed(page, text), encoding="utf-8")
        elif text != renewed(page, text):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
