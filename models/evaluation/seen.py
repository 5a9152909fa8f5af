"""What of a file a reader has not been trained on, so that something can be fitted there."""

from pathlib import Path

from models.artifact import Artifact
from models.evaluation.squad import Question, in_share
from store.errors import InvalidInput


def untrained(questions: list[Question], file: Path, artifact: Artifact) -> list[Question]:
    """The questions of a file that the reader was not trained on: all, or those whose contexts were held back.

    The card's training record says which files those were, below the folder that they lay in, and the share of each
    that was held back. Of a training that its base went through before, it says nothing.

    Raises:
        InvalidInput: the reader was trained on the whole file.
    """
    trained = [
        chosen.get("hold_back", 0.0)
        for chosen in artifact.card.training.get("config", {}).get("train", [])
        if file.resolve().parts[-len(name := Path(chosen["file"]).parts) :] == name
    ]
    if not trained:
        return questions
    kept = [question for question in questions if in_share(question.context, max(trained))]
    if not kept:
        raise InvalidInput(
            f"the reader was trained on all of {file}, where what it says tells nothing of others; give questions that "
            "it has not seen, or train one with `hold_back` for this file"
        )
    return kept
