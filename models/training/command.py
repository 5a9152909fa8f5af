"""`lector train`."""

from pathlib import Path
from typing import Annotated

import typer

from models.compression.command import ModelKind
from models.evaluation.terminal import TRAINING_PACKAGES, check_installed, check_outputs, errors_shown

train = typer.Typer(help="Train a model; needs the extra `train`.", no_args_is_help=True)


@train.command("reader")
def train_reader_command(
    config: Annotated[Path, typer.Option(help="A TOML file; see models/training/configs.")],
    data: Annotated[Path, typer.Option(help="Folder that the configuration's files lie in.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the model; an interrupted run goes on there.")],
    teacher: Annotated[
        list[str] | None, typer.Option(help="A reader to distil from, by name or directory; several are an ensemble.")
    ] = None,
) -> None:
    """Fine-tune a reader on SQuAD files, or distil one from its teachers."""
    from models.training.config import ReaderTraining, load_config

    with errors_shown("lector train reader"):
        check_installed(*TRAINING_PACKAGES)
        settings = load_config(config, ReaderTraining)
        from models.training.reader import train_reader

        scores = train_reader(settings, data, out, teacher or [])
    for name, f1 in scores.items():
        typer.echo(f"{name}: F1 {f1:.2f}")
    typer.echo(f"{out / 'model'} is ready; `lector compress {out / 'model'} --out DIR` makes an artifact of it")


@train.command("retriever")
def train_retriever_command(
    config: Annotated[Path, typer.Option(help="A TOML file; see models/training/configs.")],
    data: Annotated[Path, typer.Option(help="Folder that the configuration's files lie in.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the model; an interrupted run goes on there.")],
    teacher: Annotated[
        list[str] | None, typer.Option(help="A cross-encoder or encoder to distil from; of several, the mean.")
    ] = None,
) -> None:
    """Fine-tune an encoder, or one for questions and one for passages, on questions with their passages."""
    from models.training.config import load_config
    from models.training.retriever_config import RetrieverTraining

    with errors_shown("lector train retriever"):
        check_installed(*TRAINING_PACKAGES)
        settings = load_config(config, RetrieverTraining)
        from models.training.retriever import train_retriever

        scores = train_retriever(settings, data, out, teacher or [])
    for name, value in scores.items():
        typer.echo(f"{name}: {value:.2f}")
    made = f"lector compress {out / 'model'} --kind encoder --out DIR"
    typer.echo(f"{out / 'model'} is ready; `{made}` makes an artifact of it")


@train.command("soup")
def train_soup_command(
    sources: Annotated[list[str], typer.Argument(help="Models of one architecture, by name or directory.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    kind: Annotated[ModelKind, typer.Option(help="What they are.")] = ModelKind.reader,
    weight: Annotated[list[float] | None, typer.Option(help="One for each model; without, all count the same.")] = None,
) -> None:
    """Average the weights of models that were trained from one start, or of one and its base."""
    with errors_shown("lector train soup"):
        check_installed(*TRAINING_PACKAGES)
        from models.training.soup import make_soup

        make_soup(sources, weight or [], out, kind.value)
    made = f"lector compress {out / 'model'} --kind {kind} --out DIR"
    typer.echo(f"{out / 'model'} is ready; `{made}` makes an artifact of it")


@train.command("written")
def train_written_command(
    passages: Annotated[
        list[Path],
        typer.Argument(help='SQuAD files (.json), whose contexts count, or JSONL of "text" and "title"; also gzipped.'),
    ],
    out: Annotated[Path, typer.Option(help="The SQuAD file to write, gzipped if its name ends in .gz.")],
    skip: Annotated[int, typer.Option(min=0, help="Leave out this many of the passages, in the order of asking.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Take no more passages than these.")] = None,
) -> None:
    """Join the questions that were written for Lector's readers with their passages, for a reader's training."""
    from models.training.written import join_written

    with errors_shown("lector train written"):
        check_outputs(out)
        joined = join_written(passages, out, skip, limit)
    typer.echo(
        f"{out}: {joined.questions} questions about {joined.passages} passages, {joined.unanswerable} without an "
        f"answer; {joined.missing} passages were not there"
    )
