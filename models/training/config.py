"""What a training is made of: one TOML file, checked before anything is loaded."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from store.errors import InvalidInput, NotFound


class Section(BaseModel):
    """A table of a configuration file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingSet(Section):
    """One SQuAD file and how much of it is used."""

    file: Path  # below the data folder
    licence: str  # goes into the model's card
    passes: float = Field(default=1.0, gt=0)  # 2.5: twice whole, and a random half
    negatives: float = Field(default=0.0, ge=0, le=1)  # share of its questions also paired with a wrong passage
    swaps: float = Field(default=0.0, ge=0, le=1)  # as many questions with a mention exchanged, as share of its own
    hold_back: float = Field(default=0.0, ge=0, lt=1)  # share of its contexts that no set trains on, to fit thresholds
    max_length: int | None = Field(default=None, ge=32, le=512)  # tokens of its windows, where not the training's
    doc_stride: int | None = Field(default=None, ge=1)  # passage tokens between its windows' starts, likewise


class Distillation(Section):
    """How much a student listens to its teachers, which `lector train reader --teacher` names."""

    temperature: float = Field(default=2.0, gt=0)
    alpha: float = Field(default=0.7, ge=0, le=1)  # weight of the soft loss; the labels' has 1 - alpha
    hidden: float = Field(default=0.0, ge=0)  # weight of the loss over hidden states, which must be of one size
    attention: float = Field(default=0.0, ge=0)  # weight of the loss over the last layers' attention, of as many heads


class ReaderTraining(Section):
    """Settings of `lector train reader`."""

    base: str  # directory or hub name of a pre-trained encoder, or an artifact's to train on from
    layers: tuple[int, ...] = ()  # of the base, counted from 0, that the reader is made of; none: all of them
    train: tuple[TrainingSet, ...] = Field(min_length=1)
    tune: tuple[Path, ...] = ()  # SQuAD files below the data folder, looked at during training, never trained on
    max_length: int = Field(default=384, ge=32, le=512)  # tokens of a window
    doc_stride: int = Field(default=128, ge=1)  # passage tokens between two windows' starts
    max_answer_tokens: int = Field(default=30, ge=1)
    batch_tokens: int = Field(default=6000, ge=512)  # padding included
    learning_rate: float = Field(default=2e-4, gt=0)
    warmup: float = Field(default=0.06, ge=0, lt=1)  # share of the steps
    final_rate: float = Field(default=0.0, ge=0, le=1)  # share of the learning rate that linear decay ends at
    average_from: float = Field(
        default=1.0, ge=0, le=1
    )  # share of the steps after which weights are averaged; 1: never
    masked: float = Field(default=0.0, ge=0, lt=1)  # share of the words' tokens that are hidden behind [MASK]
    weight_decay: float = Field(default=0.01, ge=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    freeze_embeddings: bool = True
    distillation: Distillation = Distillation()
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    seed: int = 1
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    evaluate_steps: int = Field(default=500, ge=1)
    evaluate_questions: int = Field(default=400, ge=1)  # of each tuning file, drawn at random, the same ones each time


Training = TypeVar("Training", bound=Section)


def check_teachers(config: Section, teachers: Sequence[str]) -> None:
    """That a distillation has someone to learn from.

    Raises:
        InvalidInput: the configuration says how to distil, and there is no teacher.
    """
    default = type(config).model_fields["distillation"].default
    if getattr(config, "distillation") != default and not teachers:  # noqa: B009
        raise InvalidInput("the configuration has a section [distillation]; name a --teacher, or leave the section out")


def load_config(path: Path, kind: type[Training]) -> Training:
    """Read and check a configuration of that kind of training.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is not TOML, or a key or value breaks a rule (each is named).
    """
    if not path.is_file():
        raise NotFound(f"no training configuration at {path}; see models/training/configs for the shipped ones")
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        rules = "; ".join(f"{'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg']}" for e in error.errors())
        raise InvalidInput(f"{path}: {rules}") from error
