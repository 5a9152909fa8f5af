"""Reports about readers as Markdown tables, and `lector benchmark reader`'s as a picture, too."""

from pathlib import Path
from typing import Any

from benchmarks.cases import IN_SERVICE
from benchmarks.subjects import LECTOR


def reader_table(report: dict[str, Any]) -> str:
    """One row a subject; latency and memory at the most threads that were measured."""
    threads = most_threads(report)
    rows = [
        "| reader | EM | F1 | open EM | open F1 | open ms | MB | MB resident | ms, p50 | ms, p95 | questions/s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for subject in report["subjects"]:
        own, asked, cost = subject["own_context"], subject["open"], subject["threads"][threads]
        latency = cost["latency_ms"][IN_SERVICE]
        rows.append(
            f"| {subject['name']} | {own['em']:.1f} | {own['f1']:.1f} | {asked['em']:.1f} | {asked['f1']:.1f} "
            f"| {asked['latency_ms']['p50']:.0f} | {subject['disk_mb']:.0f} | {cost['peak_mb']:.0f} "
            f"| {latency['p50']:.0f} | {latency['p95']:.0f} | {cost['questions_per_second']:.1f} |"
        )
    return "\n".join(rows)


def reader_caption(report: dict[str, Any]) -> str:
    """What the table's columns were measured on."""
    own, asked, machine = report["own_context"], report["open"], report["machine"]
    name = report["file"].removesuffix(".gz").removesuffix(".json")
    return (
        f"{name}: {own['questions']:,} questions on their own contexts; open: {asked['questions']:,} on the "
        f"{asked['passages']} passages that are retrieved for each, and the median of the time that takes. Other "
        f"latencies and throughput: ten passages of 160 tokens; {most_threads(report)} threads, {machine['processor']}."
        " The peers run the first reader's weights."
    )


def shortcuts_table(report: dict[str, Any]) -> str:
    """A report of `benchmarks.shortcuts`, with what it was measured on."""
    rows = ["| | EM | F1 | same first answer | passages read | ms, p50 | ms, p95 |", "|---|---|---|---|---|---|---|"]
    for way, found in report["ways"].items():
        latency = found["latency_ms"]
        rows.append(
            f"| {way} | {found['em']:.1f} | {found['f1']:.1f} | {found['same_answer']:.1%} "
            f"| {found['passages_read']:.1f} | {latency['p50']:.0f} | {latency['p95']:.0f} |"
        )
    caption = (
        f"{report['file']}: {report['questions']:,} questions asked of all its contexts, up to {report['passages']} "
        f"passages read; {report['machine']['cores']} cores, {report['machine']['processor']}."
    )
    return "\n".join([*rows, "", caption])


def most_threads(report: dict[str, Any]) -> str:
    return str(max(report["subjects"][0]["threads"], key=int))


def plot(report: dict[str, Any], path: Path) -> None:
    """F1 with retrieved passages against the time these take and against size on disk, one point a subject."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    threads = most_threads(report)
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for number, subject in enumerate(report["subjects"]):
        latency = subject["open"]["latency_ms"]["p50"]
        marker = "o" if subject["kind"] in LECTOR else "s"
        for axes, x in ((left, latency), (right, subject["disk_mb"])):
            axes.scatter(x, subject["open"]["f1"], marker=marker, color=f"C{number}", label=subject["name"], s=60)
    for axes, label in ((left, f"ms a question (median), {threads} threads"), (right, "MB on disk")):
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        axes.grid(visible=True, alpha=0.3)
    left.set_ylabel(f"F1 on {report['open']['passages']} retrieved passages")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
    figure.savefig(path, dpi=120)
