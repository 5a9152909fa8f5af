"""`lector evaluate tune`, also `python -m models.evaluation.tune`: hybrid retrieval fitted to a set of questions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.evaluation.terminal import check_installed, check_outputs, errors_shown, show, with_bars, write_json
from store.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Group

    from models.evaluation.judgements import Relevance
    from models.evaluation.tuning import Choice, Floats
    from store.options import Options

TUNED = ("fusion", "title_weight", "dense_weight", "feedback")
SHOWN = 10  # candidates
DIGITS = 4


def evaluate_tune(
    source: Annotated[
        Path, typer.Argument(help="A BEIR folder, or a file: SQuAD (.json), SubjQA (.csv), questions (.jsonl).")
    ],
    metric: Annotated[
        str, typer.Option(help="What to choose by, as `lector evaluate retriever` names it.")
    ] = "ndcg@10",
    relevance: Annotated[
        str | None, typer.Option(help="By document, passage or answer, where the source allows several.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Which of a BEIR folder's qrels, not the one you report; dev without.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many questions, evenly spread.")] = None,
    corpus: Annotated[Path | None, typer.Option(help="JSONL of the documents that questions are about.")] = None,
    index: Annotated[Path | None, typer.Option(help="Directory to keep the indexed corpus in, and find it.")] = None,
    collection: Annotated[str | None, typer.Option(help="The collection that questions are about.")] = None,
    data: Annotated[Path | None, typer.Option(help="Directory of the collections (LECTOR_DATA).")] = None,
    encoder: Annotated[str | None, typer.Option(help="An encoder's name or directory (LECTOR_ENCODER).")] = None,
    threads: Annotated[int | None, typer.Option(help="Cores to use; 0 takes all (LECTOR_THREADS).")] = None,
    write: Annotated[bool, typer.Option("--write", help="Keep the best options with the collection.")] = False,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
) -> None:
    """Choose how hybrid retrieval weighs words, meaning and titles, by questions with known answers.

    A grid of options is tried on all questions. What the choice gains is told by cross-validation, on questions that it
    did not see; where that is nothing, nothing is written.
    """
    from models.evaluation.corpus import corpus_name
    from models.evaluation.retriever_run import FEWEST_RANKED, Place, corpus_counts, opened
    from models.evaluation.sources import read_judgements, split_of
    from models.evaluation.squad import spread
    from models.evaluation.tuning import choose, grid, try_all
    from models.settings import Settings
    from store.collection import Collection

    with errors_shown("lector evaluate tune", "--index"):
        check_installed("ir_measures")
        check_outputs(json_out)
        settings, track = Settings.load(data=data, encoder=encoder, threads=threads), with_bars()
        judgements = read_judgements(source, split_of(source, split, "dev"), corpus)
        if write and judgements.corpus is not None and index is None:
            raise InvalidInput(
                f"the collection of {source}'s corpus is temporary; keep it with --index to --write to it"
            )
        by = judgements.relevance(relevance)
        cutoff = _cutoff(metric, by)
        queries = spread(judgements.judged_by(by), limit)
        with opened(Place(corpus_name(source), judgements, index, collection), settings, track) as (searched, loaded):
            counts = corpus_counts(judgements, queries, by, searched)
            candidates = grid(searched.options)
            depth = max(cutoff, FEWEST_RANKED)
            values = try_all(searched, loaded, queries, by, candidates, metric, depth, track)
            choice = choose(values)
            found = figures(candidates, values, choice)
            written = write and found["held_out"]["gain"] > 0
            if written:
                Collection(searched.folder, loaded.identity, candidates[choice.best]).close()
        asked = {"source": str(source), "corpus": counts, "relevance": by, "metric": metric, "questions": len(queries)}
        report = {**asked, **found, "written": written}
        write_json(report, json_out)
    typer.echo(f"{source}: {len(queries)} questions, {len(candidates)} candidates, {metric} by {by}")
    show(tables(report))
    typer.echo(_conclusion(report, write))


def figures(candidates: Sequence["Options"], values: "Floats", choice: "Choice") -> dict[str, Any]:
    """Means of all candidates, best first; what each fold chose; and what choosing gains on questions held out."""
    from models.evaluation.resampling import bootstrap_intervals, paired_randomization

    means = values.mean(axis=0)
    gains = (choice.held_out - values[:, 0])[:, None]
    return {
        "present": _candidate(candidates[0], means[0]),
        "best": _candidate(candidates[choice.best], means[choice.best]),
        "held_out": {
            "value": round(float(choice.held_out.mean()), DIGITS),
            "gain": round(float(gains.mean()), DIGITS),
            "interval": bootstrap_intervals(gains)[0].round(DIGITS).tolist(),
            "p": round(float(paired_randomization(gains)[0]), DIGITS),
        },
        "folds": [
            _candidate(candidates[chosen], values[fold, chosen].mean())
            for fold, chosen in zip(choice.folds, choice.by_fold, strict=True)
        ],
        "candidates": [_candidate(candidates[i], means[i]) for i in (-means).argsort(kind="stable")],
    }


def tables(report: Mapping[str, Any]) -> "Group":
    """The best candidates, and what each fold chose, for a terminal."""
    from rich.console import Group
    from rich.table import Table

    best = Table("", *TUNED, report["metric"], title="mean over all questions", title_justify="left")
    rows = [("present", report["present"]), *((str(i), one) for i, one in enumerate(report["candidates"][:SHOWN], 1))]
    for name, one in rows:
        best.add_row(
            name, *(str(one[option]) for option in TUNED), f"{one['value']:.{DIGITS}f}", end_section=name == "present"
        )
    folds = Table("fold", *TUNED, report["metric"], title="chosen by the other folds", title_justify="left")
    for i, one in enumerate(report["folds"], 1):
        folds.add_row(str(i), *(str(one[option]) for option in TUNED), f"{one['value']:.{DIGITS}f}")
    return Group(best, folds)


def _conclusion(report: Mapping[str, Any], write: bool) -> str:
    held_out, metric = report["held_out"], report["metric"]
    low, high = held_out["interval"]
    gain = (
        f"On questions held out, choosing so gains {held_out['gain']:+.{DIGITS}f} {metric} [{low:+.{DIGITS}f}, "
        f"{high:+.{DIGITS}f}] (p {held_out['p']:.3f})."
    )
    if report["written"]:
        return f"{gain}\nThe best options are kept with collection {report['corpus']['collection']} now."
    return f"{gain}\nNothing was written, for choosing gains nothing." if write else gain


def _candidate(options: "Options", value: float) -> dict[str, Any]:
    kept = asdict(options)
    return {**{option: kept[option] for option in TUNED}, "value": round(float(value), DIGITS)}


def _cutoff(metric: str, relevance: "Relevance") -> int:
    """The k of a metric; 1 where it has none.

    Raises:
        InvalidInput: there is no such metric for this kind of relevance.
    """
    from models.evaluation.ranking_metrics import metric_names

    k = metric.partition("@")[2]
    cutoff = int(k) if k.isdecimal() and int(k) else 1
    names = metric_names(relevance, [cutoff])
    if metric not in names:
        usual = ", ".join(metric_names(relevance, [10]))
        raise InvalidInput(f"{metric!r} is not measured by {relevance}; choose of {usual}, with a k of your own")
    return cutoff


if __name__ == "__main__":
    typer.run(evaluate_tune)
