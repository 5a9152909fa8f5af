"""`python -m examples.subjqa`: questions about products, answered from their reviews. See docs/subjqa.md."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.evaluation.terminal import (
    check_installed,
    check_outputs,
    errors_shown,
    names_in,
    show,
    with_bars,
    write_json,
)
from store.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from rich.table import Table

STEPS = ("retriever", "fine-tune", "reader", "pipeline")


def main(
    data: Annotated[Path, typer.Option(help="Folder with train.csv, dev.csv and test.csv; they may be gzipped.")],
    work: Annotated[Path, typer.Option(help="Folder for indexes, the fine-tuned reader and each step's figures.")],
    steps: Annotated[str, typer.Option(help="Which steps to take.")] = ",".join(STEPS),
    threads: Annotated[int, typer.Option(min=0, help="Cores to measure with; 0 takes all.")] = 0,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write all figures here.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for subjqa-recall.png and subjqa-answers.png.")] = None,
) -> None:
    """Find reviews, read them, adapt the reader to them, and measure each part.

    Figures of each step stay in the work folder, so that steps can be taken one by one. Reviews that are indexed are
    used again, and so is a reader that is trained; an interrupted training goes on.
    """
    with errors_shown("examples.subjqa", "--work"):
        check_installed("ir_measures", "torch", *(["matplotlib"] if plots else []))
        check_outputs(json_out)
        if plots and not plots.is_dir():
            raise NotFound(f"there is no folder {plots} to draw into; make it first")
        chosen = names_in(steps)
        if unknown := sorted(set(chosen) - set(STEPS)):
            raise InvalidInput(f"there is no step {', '.join(unknown)}; choose of {', '.join(STEPS)}")
        work.mkdir(parents=True, exist_ok=True)
        _take(chosen, data, work, threads)
        report = {step: _figures(work / f"{step}.json") for step in STEPS}
        write_json(report, json_out)
        if plots:
            _draw(report, plots)
    for table in _tables(report):
        show(table)


def _take(chosen: list[str], data: Path, work: Path, threads: int) -> None:
    """The steps, from the retriever to the whole way; each writes its figures to `work/STEP.json`."""
    from examples.subjqa.data import SPLITS, read_pairs
    from examples.subjqa.pipeline import measure_pipeline
    from examples.subjqa.reader import SHIPPED, fine_tune, measure_reader, training_of
    from examples.subjqa.retriever import measure_retrievers
    from models.encoder import Encoder
    from models.settings import Settings

    def keep(step: str, figures: Mapping[str, Any]) -> None:
        (work / f"{step}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")

    track, index = with_bars(), work / "index"
    splits = {split: read_pairs(data, split) for split in SPLITS}
    if "retriever" in chosen:
        encoder = Encoder.load(Settings.load().encoder, threads)
        keep("retriever", measure_retrievers(splits, encoder, index, track))
    if chosen == ["retriever"]:
        return
    readers = {"shipped": SHIPPED, "fine-tuned": str(fine_tune(splits["train"], work))}
    if "fine-tune" in chosen:
        keep("fine-tune", training_of(readers["fine-tuned"]))
    if "reader" in chosen:
        measured = {
            when: measure_reader(name, splits["dev"], splits["test"], threads) for when, name in readers.items()
        }
        keep("reader", measured)
    if "pipeline" in chosen:
        settings = {when: Settings.load(reader=name, threads=threads) for when, name in readers.items()}
        keep("pipeline", {when: measure_pipeline(s, splits["test"], index, track) for when, s in settings.items()})


def _figures(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _draw(report: Mapping[str, Any], folder: Path) -> None:
    """What has been measured."""
    from examples.subjqa.plots import plot_answers, plot_recall

    if report["retriever"]:
        plot_recall(report["retriever"], folder / "subjqa-recall.png")
    if report["reader"] and report["pipeline"]:
        plot_answers(report, folder / "subjqa-answers.png")


def _tables(report: Mapping[str, Any]) -> "list[Table]":
    """What has been measured, for a terminal."""
    from rich.table import Table

    from examples.subjqa.published import PIPELINE, RECALL
    from examples.subjqa.retriever import AT

    found = []
    for counting, counted in report["retriever"].items():
        title = f"{counting}: {counted['questions']} questions, {counted['reviews']} reviews"
        table = Table("recall", *(f"@{k}" for k in AT), title=title, title_justify="left")
        for name, recall in counted["retrievers"].items():
            table.add_row(name, *(f"{recall[f'recall@{k}']:.3f}" for k in AT))
        for name, points in RECALL.items() if counting == "published" else ():
            table.add_row(name, *(f"{points[k]:.3f}" if k in points else "" for k in AT))
        found.append(table)
    answers = Table("", "EM", "F1", title="percent", title_justify="left")
    for part, kinds in (("reader", ("dev", "test", "test_all")), ("pipeline", ("top_1", "top_3"))):
        for when, scores in report[part].items():
            for kind in kinds:
                answers.add_row(f"{part}, {when}: {kind}", f"{scores[kind]['em']:.1f}", f"{scores[kind]['f1']:.1f}")
    answers.add_row("pipeline, published: top_1", f"{PIPELINE['em']:.1f}", f"{PIPELINE['f1']:.1f}")
    return [*found, answers]


if __name__ == "__main__":
    typer.run(main)
