"""`lector evaluate null-threshold`: fit the answer odds at or below which a context is held not to answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.artifact import Artifact, write_card
from models.evaluation.reader import best_null_threshold, mean_points, predict
from models.evaluation.seen import untrained
from models.evaluation.squad import read_squad, spread
from models.evaluation.terminal import Track, silently
from models.reader import open_reader
from store.errors import InvalidInput


def fit_null_threshold(
    files: Sequence[Path],
    artifact: Artifact,
    limit: int | None = None,
    threads: int = 0,
    track: Track = silently,
) -> dict[str, Any]:
    """Fit on all files' questions together, and write the threshold into the card.

    Questions with and without an answer get the same total weight, however many the files hold of each, so that the
    threshold does not depend on how a tuning set is mixed. `limit` is of each file.

    Returns:
        {"questions": {"with_answer", "without_answer"}, "null_threshold": in log-odds, "f1", "em", "has_answer_f1",
        "no_answer_accuracy"}: the last four in percent, and the first two of these the means of both kinds' own.

    Raises:
        InvalidInput: the questions are all of one kind, or the reader was trained on all of a file.
    """
    questions = [question for file in files for question in spread(untrained(read_squad(file), file, artifact), limit)]
    counts = {
        "with_answer": sum(bool(q.answers) for q in questions),
        "without_answer": sum(not q.answers for q in questions),
    }
    if not all(counts.values()):
        raise InvalidInput(
            f"{counts['with_answer']} questions with an answer and {counts['without_answer']} without one; a null "
            "threshold divides the two, so give files with both kinds"
        )
    predictions = predict(open_reader(artifact, threads), questions, lambda steps: track(list(steps), "questions"))
    f1, threshold = best_null_threshold(predictions, balanced=True)
    has = mean_points([p for p in predictions if p.answerable], threshold)
    none = mean_points([p for p in predictions if not p.answerable], threshold)
    metrics = artifact.card.metrics | {"null_threshold_f1": f1}
    write_card(artifact.folder, artifact.card.model_copy(update={"null_threshold": threshold, "metrics": metrics}))
    return {
        "questions": counts,
        "null_threshold": threshold,
        "f1": f1,
        "em": round((has["em"] + none["em"]) / 2, 2),
        "has_answer_f1": has["f1"],
        "no_answer_accuracy": none["f1"],
    }
