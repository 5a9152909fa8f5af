"""A report of `lector benchmark store` as Markdown tables."""

from collections.abc import Callable, Sequence
from typing import Any

Store = dict[str, Any]

NAMES = {
    "lector": "Lector",
    "in-memory": "Haystack InMemoryDocumentStore",
    "faiss-haystack": "Haystack FAISSDocumentStore",
    "txtai": "txtai",
}
FILTERS = ("0.01 %", "1 %", "99 %")
NONE = "–"


def of_lector(report: dict[str, Any]) -> list[Store]:
    return [store for store in report["stores"] if store["kind"] == "lector"]


def sections(report: dict[str, Any]) -> str:
    """All tables, each with what it was measured on."""
    parts = [growth_table(report), search_table(report), search_caption(report), growth(report)]
    if len(of_lector(report)) < len(report["stores"]):
        parts += [peer_table(report), peer_caption(report)]
    return "\n\n".join(parts)


def sentence(report: dict[str, Any]) -> str:
    """The largest of Lector's stores in one sentence."""
    store = max(of_lector(report), key=lambda store: int(store["size"]))
    latency = store["search"]["hybrid"]["latency_ms"]
    return (
        f"A store of {store['size']:,} passages: {store['bytes']['total'] / 1e9:.1f} GB on disk, open in "
        f"{store['open']['warm']['seconds']:.1f} s, {store['memory_mb']['searched']['now']:.0f} MB resident; a hybrid "
        f"search {_ms(latency['none']['p50'])} ms (median), with a filter that keeps 1 % "
        f"{_ms(latency['1 %']['first']['p50'])} ms. [docs/store.md](docs/store.md) has the rest."
    )


def growth(report: dict[str, Any]) -> str:
    """From the smallest to the largest of Lector's stores, in one sentence."""
    stores = sorted(of_lector(report), key=lambda store: int(store["size"]))
    small, large = stores[0], stores[-1]

    def times(figure: Callable[[Store], float]) -> str:
        return f"{figure(large) / figure(small):,.1f}"

    searches = ", ".join(
        f"{mode} search {times(lambda store: store['search'][mode]['latency_ms']['none']['p50'])}"  # noqa: B023
        for mode in small["search"]
    )
    return (
        f"From {small['size']:,} to {large['size']:,} passages, {large['size'] / small['size']:,.0f} times as many, "
        f"building takes {times(lambda store: store['size'] / store['build']['passages_per_second'])} times as long, "
        f"opening from the disk {times(lambda store: store['open']['cold']['seconds'])}, {searches}; resident memory "
        f"grows to {times(lambda store: store['memory_mb']['searched']['now'])} times, the disk's part to "
        f"{times(lambda store: store['bytes']['total'])}."
    )


def growth_table(report: dict[str, Any]) -> str:
    """What Lector's store costs besides searching, one row a size."""
    head = [
        "passages", "written a second", "MB of `lector.db`, dense, sparse", "s to open, cold", "warm", "behind",
        "MB resident, opened", "searched", "of these, files", "ms for one document, p50", "p95", "max",
    ]  # fmt: skip
    rows = []
    for store in of_lector(report):
        size, opened, memory, one = store["bytes"], store["open"], store["memory_mb"], store["write_one_ms"]
        parts = (size.get(name, 0) / 1e6 for name in ("lector.db", "dense.snapshot", "sparse"))
        rows.append(
            [
                f"{store['size']:,}",
                f"{store['build']['passages_per_second']:,.0f}",
                ", ".join(f"{part:,.0f}" for part in parts),
                *(f"{opened[how]['seconds']:.2f}" for how in ("cold", "warm", "behind")),
                f"{memory['opened']['now']:,.0f}",
                f"{memory['searched']['now']:,.0f}",
                f"{memory['searched']['file']:,.0f}",
                *(f"{one[name]:,.0f}" for name in ("p50", "p95", "max")),
            ]
        )
    return _table(head, rows)


def search_table(report: dict[str, Any]) -> str:
    """Latency of Lector's searches, one row a size and mode."""
    head = ["passages", "search", "p50", "p95", *(f"{name}: first, again" for name in FILTERS), "recall"]
    rows = []
    for store in of_lector(report):
        for mode, figures in store["search"].items():
            latency = figures["latency_ms"]
            rows.append(
                [
                    f"{store['size']:,}",
                    mode,
                    _ms(latency["none"]["p50"]),
                    _ms(latency["none"]["p95"]),
                    *(f"{_ms(latency[f]['first']['p50'])}, {_ms(latency[f]['repeated']['p50'])}" for f in FILTERS),
                    f"{figures['recall']:.3f}" if "recall" in figures else "",
                ]
            )
    return _table(head, rows)


def search_caption(report: dict[str, Any]) -> str:
    """What the tables of Lector were measured on."""
    passages, top, machine = report["passages"], report["questions"]["top"], report["machine"]
    copies, behind = passages["copies"], of_lector(report)[0]["open"]["behind"]["changes"]
    reworded = round(100 * (copies["words_dropped"] + copies["words_swapped"]))
    return (
        f"Milliseconds of a search for {top} passages, their texts read, on one core, medians where nothing else is "
        f"said; the questions' embeddings are given. Filters keep 0.01, 1 or 99 % of the documents; `again` is a "
        f"filter's second use. Recall is that of dense search, of the {top} nearest of all vectors. The files are in "
        f"the page cache, but for `cold`, when they were dropped from it; `behind`: with {behind:,} changes that no "
        f"snapshot holds. {passages['given']:,} passages are real, encoded beforehand "
        f"({passages['encoded_per_second']:.0f} a second); the others are copies of them with {reworded} % of the "
        f"words left out or swapped, and vectors at cosines of {copies['cosine'][0]} to {copies['cosine'][1]}. "
        f"{machine['cores']} cores, {machine['processor']}."
    )


def peer_table(report: dict[str, Any]) -> str:
    """Every store beside the others, at the sizes at which there are others."""
    sizes = sorted({store["size"] for store in report["stores"] if store["kind"] != "lector"})
    head = [
        "passages", "store", "written a second", "s to save", "s to open", "MB on disk", "MB resident",
        "of these, imports", "dense p50, p95", "sparse", "hybrid", "dense, 1 % filter", "recall", "missing",
    ]  # fmt: skip
    rows = []
    for store in sorted(report["stores"], key=lambda store: int(store["size"])):
        if store["size"] in sizes:
            start = [f"{store['size']:,}", NAMES[store["kind"]]]
            rows.append(start + (["not measured", *[NONE] * 11] if "error" in store else _peer_cells(store)))
    return _table(head, rows)


def peer_caption(report: dict[str, Any]) -> str:
    """How the stores were compared, and which could not be."""
    failed = {store["kind"]: store["error"] for store in report["stores"] if "error" in store}
    left_out = "".join(f" {NAMES[kind]} could not be measured: {error}." for kind, error in failed.items())
    packages = ", ".join(
        f"{name} {report['machine']['packages'][name]}"
        for name in ("haystack-ai", "faiss-haystack", "txtai")
        if name in report["machine"].get("packages", {})
    )
    return (
        f"The same passages, vectors and questions for all, each store in processes of its own, with its defaults "
        f"({packages}). Lector's batches are on disk when they are written, the others' when all is saved. Resident "
        f"memory is that after searching. `Missing`: how many of {report['questions']['top']} results a dense search "
        f"with a 1 % filter leaves out although they exist; every filter is at its first use.{left_out}"
    )


def _peer_cells(store: Store) -> list[str]:
    search = store["search"]
    dense = search["dense"]
    return [
        f"{store['build']['passages_per_second']:,.0f}",
        f"{store['build']['save_seconds']:.1f}",
        f"{store['open']['warm']['seconds']:.2f}",
        f"{store['bytes']['total'] / 1e6:,.0f}",
        f"{store['memory_mb']['searched']['now']:,.0f}",
        f"{store['memory_mb']['before']['now']:,.0f}",
        *(
            _both(search[mode]["latency_ms"]["none"]) if mode in search else NONE
            for mode in ("dense", "sparse", "hybrid")
        ),
        _both(dense["latency_ms"]["1 %"]["first"]),
        f"{dense['recall']:.3f}",
        f"{dense['missing_in_filter']:.1f}",
    ]


def _both(latency: dict[str, float]) -> str:
    return f"{_ms(latency['p50'])}, {_ms(latency['p95'])}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:,.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])
