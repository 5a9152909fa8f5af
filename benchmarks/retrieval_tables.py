"""Reports about retrieval as Markdown tables, each with what it was measured on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PEERS = ("haystack-ai", "txtai")
METRICS = ("ndcg@10", "recall@1", "recall@5", "recall@10", "recall@20", "recall@100", "map", "mrr")
COLUMNS = ("ndcg@10", "recall@10", "recall@100", "map", "mrr")  # beside others
BY_ANSWERS = ("hit@1", "hit@10", "hit@100", "mrr")  # the same where only answers tell what is relevant


def retrieval_table(report: Mapping[str, Any]) -> str:
    """A report of `lector evaluate retriever`."""
    rows = [f"| | {' | '.join(METRICS)} |", "|---" * (len(METRICS) + 1) + "|"]
    for name, scores in report["retrievers"].items():
        cells = ("{:.3f} ({:.3f} to {:.3f})".format(scores[m], *scores["intervals"][m]) for m in METRICS)
        rows.append(f"| {name} | {' | '.join(cells)} |")
    corpus = report["corpus"]
    distractors = f", {corpus['distractors']:,} of them distractors" if corpus["distractors"] else ""
    said = f"{Path(report['source']).name}: {report['questions']:,} questions, {corpus['documents']:,} documents"
    return "\n".join([*rows, "", f"{said}{distractors}; 95 % intervals."])


def pipeline_table(report: Mapping[str, Any]) -> str:
    """A report of `lector evaluate pipeline` about one retriever, by number of passages read."""
    [scores] = report["retrievers"].values()
    by_number = scores["passages"]
    failures = next(iter(by_number.values()))["failures"]
    rows = [f"| passages read | {' | '.join(by_number)} |", "|---" * (len(by_number) + 1) + "|"]

    def row(name: str, cell: Callable[[dict[str, Any]], str]) -> None:
        rows.append(f"| {name} | {' | '.join(map(cell, by_number.values()))} |")

    row("EM", lambda c: f"{c['em']:.1f}")
    row("F1", lambda c: "{:.1f} ({:.1f} to {:.1f})".format(c["f1"], *c["intervals"]["f1"]))
    row("answered", lambda c: f"{c['answered']:.1%}")
    row("own context retrieved", lambda c: f"{c['context_retrieved']:.1%}")
    row("right", lambda c: f"{c['right'] / report['questions']:.1%}")
    for failure in failures:
        row(failure.replace("_", " "), lambda c: f"{c['failures'][failure] / report['questions']:.1%}")  # noqa: B023
    row("ms to read, p50 (p95)", lambda c: "{p50:.0f} ({p95:.0f})".format(**c["latency_ms"]["read"]))
    row("ms in all", lambda c: "{p50:.0f} ({p95:.0f})".format(**c["latency_ms"]["total"]))
    stages = ", ".join(f"to {stage} {ms['p50']} ms" for stage, ms in scores["latency_ms"].items())
    documents = f"{report['corpus']['documents']:,} documents"
    said = f"{report['questions']:,} questions of {Path(report['source']).name}, {documents}"
    return "\n".join([*rows, "", f"{said}; {stages} (medians)."])


def retriever_table(report: Mapping[str, Any]) -> str:
    """A report of `lector benchmark retriever`."""
    columns = BY_ANSWERS if report["relevance"] == "answer" else COLUMNS
    lines = [f"| | {' | '.join(columns)} | ms, p50 | p95 |", "|---" * (len(columns) + 3) + "|"]
    for name, scores in report["retrievers"].items():
        cells = [f"{scores[column]:.3f}" for column in columns]
        lines.append(
            f"| {name} | {' | '.join(cells)} | {scores['latency_ms']['p50']} | {scores['latency_ms']['p95']} |"
        )
    packages, counts = report["machine"]["packages"], report["corpus"]
    versions = ", ".join(f"{name} {packages[name]}" for name in PEERS)
    caption = (
        f"{Path(report['source']).name}: {report['questions']:,} questions, {counts['documents']:,} documents. The "
        f"same embeddings for all, each question's encoded anew ({versions}; {report['machine']['cores']} cores, "
        f"{report['machine']['processor']}). Haystack's are its in-memory retrievers, joined by reciprocal rank."
    )
    return "\n".join([*lines, "", caption])
