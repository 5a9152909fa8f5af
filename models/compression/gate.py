"""The accuracy gate: what compression costs a reader in F1, and whether that is too much."""

from dataclasses import dataclass
from pathlib import Path

from models.artifact import Artifact
from models.evaluation.reader import predict, score
from models.evaluation.squad import read_squad, spread
from models.reader import open_reader
from store.errors import InvalidInput, LectorError


class TooLossy(LectorError):
    """A compressed reader answers worse than its gate allows."""


@dataclass(frozen=True)
class Gate:
    """SQuAD files that a compressed reader is measured on, and how much of its F1 it may lose."""

    files: tuple[Path, ...]
    max_f1_loss: float = 0.5  # percentage points
    questions: int | None = None  # of each file, evenly spread; None: all

    def measure(self, original: Artifact, compressed: Artifact, threads: int = 0) -> dict[str, float]:
        """F1 of both in percent over the questions of all files, as a card's metrics name them.

        Raises:
            NotFound, InvalidInput: a file is missing, is not SQuAD JSON, or they hold no question.
        """
        questions = [question for file in self.files for question in spread(read_squad(file), self.questions)]
        if not questions:
            raise InvalidInput(f"{', '.join(map(str, self.files))} hold no question; a gate needs some to measure on")
        f1 = [
            score(predict(open_reader(artifact, threads), questions), artifact.card.null_threshold)["f1"]
            for artifact in (original, compressed)
        ]
        return {"gate_questions": len(questions), "gate_fp32_f1": f1[0], "gate_f1": f1[1]}

    def check(self, measured: dict[str, float]) -> None:
        """Let those figures pass, or not.

        Raises:
            TooLossy: the loss is greater than `max_f1_loss`.
        """
        loss = measured["gate_fp32_f1"] - measured["gate_f1"]
        if loss > self.max_f1_loss:
            raise TooLossy(
                f"F1 falls by {loss:.2f} points, from {measured['gate_fp32_f1']:.2f} to {measured['gate_f1']:.2f}; at "
                f"most {self.max_f1_loss:.2f} are allowed. Nothing was written; choose another --precision, or allow "
                "more with --max-f1-loss"
            )
