"""The gate: what compression costs a model in accuracy, and whether that is too much."""

from dataclasses import dataclass
from pathlib import Path

from models.artifact import Artifact, Kind
from models.encoder import Encoder
from models.evaluation.dense import Trial
from models.evaluation.reader import predict, score
from models.evaluation.sources import read_judgements
from models.evaluation.squad import Question, read_squad, spread
from models.reader import open_reader
from store.errors import InvalidInput, LectorError

METRICS: dict[Kind, str] = {"reader": "F1", "encoder": "recall@10"}


class TooLossy(LectorError):
    """A compressed model does worse than its gate allows."""


@dataclass(frozen=True)
class Gate:
    """Sources that a compressed model is measured on, and how much of its F1 or recall@10 it may lose.

    A reader answers SQuAD files; an encoder finds the passages of those, or the documents of BEIR folders.
    """

    sources: tuple[Path, ...]
    max_f1_loss: float = 0.5  # percentage points
    max_recall_loss: float = 1.0  # percentage points
    questions: int | None = None  # of each source, evenly spread; None: all
    split: str = "dev"  # of a BEIR folder

    def open(self, kind: Kind) -> None:
        """Read the sources once, so that what is wrong with them is known before minutes of work.

        Raises:
            NotFound, InvalidInput: one is missing, breaks its format's rules, or does not suit the kind of model.
        """
        if kind == "reader":
            self._asked()
        else:
            self._trials()

    def measure(self, original: Artifact, compressed: Artifact, threads: int = 0) -> dict[str, float]:
        """F1 or recall@10 of both in percent over the questions of all sources, as a card's metrics name them."""
        kind = original.card.kind
        if kind == "reader":
            questions = self._asked()
            count = len(questions)
            values = [
                score(predict(open_reader(artifact, threads), questions), artifact.card.null_threshold)["f1"]
                for artifact in (original, compressed)
            ]
        else:
            trials = self._trials()
            count = sum(len(trial.queries) for trial in trials)
            values = [_recall(Encoder(artifact, threads), trials) for artifact in (original, compressed)]
        metric = METRICS[kind].lower()
        return {"gate_questions": count, f"gate_fp32_{metric}": values[0], f"gate_{metric}": values[1]}

    def check(self, kind: Kind, measured: dict[str, float]) -> None:
        """Let those figures pass, or not.

        Raises:
            TooLossy: the loss is greater than it may be.
        """
        metric = METRICS[kind]
        before, after = measured[f"gate_fp32_{metric.lower()}"], measured[f"gate_{metric.lower()}"]
        allowed, option = (self.max_f1_loss, "f1") if kind == "reader" else (self.max_recall_loss, "recall")
        if before - after > allowed:
            raise TooLossy(
                f"{metric} falls by {before - after:.2f} points, from {before:.2f} to {after:.2f}; at most "
                f"{allowed:.2f} are allowed. Nothing was written; choose another --precision, or allow more with "
                f"--max-{option}-loss"
            )

    def _asked(self) -> list[Question]:
        questions = [question for source in self.sources for question in spread(read_squad(source), self.questions)]
        if not questions:
            raise InvalidInput(f"{', '.join(map(str, self.sources))} hold no question; a gate needs some to measure on")
        return questions

    def _trials(self) -> list[Trial]:
        return [Trial.of(read_judgements(source, self.split), self.questions) for source in self.sources]


def _recall(encoder: Encoder, trials: list[Trial]) -> float:
    """Recall@10 over the questions of all trials, in percent."""
    total = sum(len(trial.queries) * trial.measure(encoder)["recall@10"] for trial in trials)
    return total / sum(len(trial.queries) for trial in trials)
