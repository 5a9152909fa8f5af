"""What a retriever's training is made of."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from models.training.config import Section


class PairSet(Section):
    """Questions with the passages that answer them, and how much of them is used."""

    file: Path  # below the data folder: lines of JSON, or SQuAD's JSON
    licence: str  # goes into the model's card
    source: str | None = None  # of the lines, only those that name this one
    passes: float = Field(default=1.0, gt=0)  # 2.5: twice whole, and a random half
    limit: int | None = Field(default=None, ge=1)  # at most so many of its questions, drawn at random
    titles: bool = True  # false: its passages' titles are left out, for they say nothing

    @property
    def name(self) -> str:
        """As a card says it."""
        return f"{self.file} ({self.source})" if self.source else str(self.file)


class PassageSet(Section):
    """Further passages that hard negatives are found among."""

    file: Path  # lines of JSON, below the data folder
    licence: str
    sources: tuple[str, ...] = ()  # of the lines, only those that name one of these; none: all of them
    titles: bool = True


class HardNegatives(Section):
    """Passages that look like the answer and are not. They are found by BM25, and later by the model itself (ANCE)."""

    count: int = Field(default=1, ge=0)  # of each question at a step; 0: the batch's other passages have to do
    depth: int = Field(default=20, ge=1)  # the best-ranked wrong passages of a question, of which they are drawn
    passages: tuple[PassageSet, ...] = ()  # besides the passages that answer some question
    refresh_steps: int | None = Field(default=None, ge=1)  # steps after which the model finds them anew
    refresh_passages: int | None = Field(default=None, ge=1)  # and among how many, drawn anew, besides the answers
    margin: float | None = None  # to the model, one must be worse than the answer by this much; None: it is not asked

    @model_validator(mode="after")
    def _fits(self) -> "HardNegatives":
        if self.refresh_passages is not None and self.refresh_steps is None:
            raise ValueError("refresh_passages says how many the model looks at when it refreshes; set refresh_steps")
        if not self.count and self.model_fields_set - {"count"}:
            raise ValueError("count = 0 asks for no hard negatives; leave the other keys out")
        return self


class TuningSource(Section):
    """Questions that the model is tried on during training, and never trained on."""

    source: Path  # below the data folder: a BEIR folder, SQuAD's JSON, or questions (JSON lines) with their corpus
    split: str = "dev"  # of a BEIR folder
    corpus: Path | None = None  # of questions in JSON lines

    @property
    def name(self) -> str:
        """What its figures are called by."""
        return str(self.source) if self.split == "dev" else f"{self.source} ({self.split})"


class MarginDistillation(Section):
    """How much a student listens to the teachers that `lector train retriever --teacher` names."""

    alpha: float = Field(default=0.5, gt=0, le=1)  # weight of the margins' loss; the contrastive one has 1 - alpha


class RetrieverTraining(Section):
    """Settings of `lector train retriever`."""

    base: str  # directory, package or hub name of an encoder, a DPR pair, or an artifact's to train on from
    shared: bool = True  # one network for questions and passages, or each its own
    keep_passages: str | None = None  # an encoder's artifact, whose network of passages stays as it is
    train: tuple[PairSet, ...] = Field(min_length=1)
    tune: tuple[TuningSource, ...] = ()
    negatives: HardNegatives = HardNegatives()
    max_length: int | None = Field(default=None, ge=16, le=512)  # tokens that training sees of a text; None: all
    title_separator: str | None = None  # between a title and its passage; None: as the base has it
    batch_size: int = Field(default=32, ge=2)  # questions, whose passages are each other's negatives
    mini_batch: int | None = Field(default=None, ge=1)  # texts at a time, with cached gradients; None: all at once
    temperature: float | None = Field(default=None, gt=0)  # None: 0.05 for cosines, 1 for inner products
    dimensions: tuple[int, ...] = ()  # that embeddings may be cut to (Matryoshka), besides their own
    distillation: MarginDistillation = MarginDistillation()
    learning_rate: float = Field(default=2e-5, gt=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)  # share of the steps
    final_rate: float = Field(default=0.0, ge=0, le=1)  # share of the learning rate that linear decay ends at
    weight_decay: float = Field(default=0.01, ge=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    freeze_embeddings: bool = True
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    seed: int = 1
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    evaluate_steps: int = Field(default=500, ge=1)
    evaluate_questions: int = Field(default=400, ge=1)  # of each tuning source, evenly spread
    evaluate_passages: int = Field(default=5000, ge=1)  # of its corpus, besides what is relevant

    @model_validator(mode="after")
    def _fits(self) -> "RetrieverTraining":
        if self.keep_passages and (self.shared or self.mini_batch):
            raise ValueError(
                "keep_passages trains a network of questions alone: set shared = false, and no mini_batch, for no "
                "gradients of passages have to be kept"
            )
        return self
