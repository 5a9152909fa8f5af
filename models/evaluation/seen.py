"""What of a file a reader has not been trained on, so that something can be fitted there."""

from pathlib import Path

from models.artifact import Artifact
from models.compression.record import trainings
from models.evaluation.squad import Question, in_share
from store.errors import InvalidInput


def untrained(questions: list[Question], file: Path, artifact: Artifact) -> list[Question]:
    """The questions of a file that the reader was not trained on: all, or those whose contexts were held back.

    The card's training record says which files those were, below the folder that they lay in, and the share of each
    that was held back; of a soup, for each member. Of a training that its base went through before, it says nothing.

    Raises:
        InvalidInput: the reader was trained on the whole file.
    """
    held_back = []  # by each member that was trained on the file
    for training in trainings(artifact.card):
        shares = [chosen.get("hold_back", 0.0) for chosen in training if _is(file, chosen["file"])]
        held_back += [max(shares)] if shares else []
    if not held_back:
        return questions
    kept = [question for question in questions if in_share(question.context, min(held_back))]
    if not kept:
        raise InvalidInput(
            f"the reader was trained on all of {file}, where what it says tells nothing of others; give questions that "
            "it has not seen, or train one with `hold_back` for this file"
        )
    return kept


def _is(file: Path, name: str) -> bool:
    """Whether a file is the one of that name, below whatever folder, gzipped or not."""
    path, known = (Path(str(some).removesuffix(".gz")).parts for some in (file.resolve(), name))
    return path[-len(known) :] == known
