"""The report of `lector evaluate reader`: scores of whole files, of kinds of questions, and question by question."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from models.artifact import Artifact
from models.evaluation.breakdown import (
    ANSWER_LENGTHS,
    ANSWER_POSITIONS,
    QUESTION_TYPES,
    answer_length,
    answer_position,
    answer_tokens,
    question_type,
)
from models.evaluation.reader import Prediction, mean_points, predict, score
from models.evaluation.squad import Question, read_squad, spread
from models.evaluation.terminal import Track, silently
from models.reader import ReaderSettings, open_reader
from models.windows import PairTemplate, question_ids

if TYPE_CHECKING:
    from rich.table import Table


def evaluate_files(
    files: Sequence[Path],
    artifact: Artifact,
    *,
    settings: dict[str, int],
    limit: int | None = None,
    threads: int = 0,
    predictions_out: Path | None = None,
    track: Track = silently,
) -> dict[str, Any]:
    """Read every question's own context, and score what was found.

    Args:
        settings: of the reader, in place of what its card names.
        predictions_out: where each question's line goes, see `line`.

    Returns:
        {"reader", "sha256", "settings", "files": {FILE: scores and "by"}}; see `score` and `breakdown`.

    Raises:
        NotFound, InvalidInput: a file is missing or is not SQuAD JSON, or the settings leave no room for a passage.
    """
    card = artifact.card.model_copy(update={"settings": artifact.card.settings | settings})
    artifact = Artifact(artifact.folder, card)
    used = artifact.settings(ReaderSettings)
    sets = {str(path): spread(read_squad(path), limit) for path in files}
    reader = open_reader(artifact, threads)
    report: dict[str, Any] = {
        "reader": card.name,
        "sha256": artifact.checksum,
        "settings": {name: getattr(used, name) for name in ("max_length", "doc_stride", "closer_look")},
        "files": {},
    }
    with ExitStack() as stack:
        out = stack.enter_context(predictions_out.open("w", encoding="utf-8")) if predictions_out else None
        for name, questions in sets.items():
            predictions = predict(reader, questions, lambda steps: track(list(steps), Path(name).name))  # noqa: B023
            cut = needs_windows(artifact.tokenizer, used.max_length, questions)
            report["files"][name] = score(predictions, card.null_threshold)
            report["files"][name]["by"] = breakdown(predictions, cut, card.null_threshold)
            if out:
                out.writelines(json.dumps(line(name, p), ensure_ascii=False) + "\n" for p in predictions)
    return report


def needs_windows(tokenizer: Tokenizer, max_length: int, questions: Sequence[Question]) -> list[bool]:
    """Whether a question's context is too long for one window, for each question."""
    contexts = list(dict.fromkeys(q.context for q in questions))
    encoded = tokenizer.encode_batch(contexts, add_special_tokens=False)
    tokens = {context: len(encoding.ids) for context, encoding in zip(contexts, encoded, strict=True)}
    special = PairTemplate.of(tokenizer).size
    return [special + len(question_ids(tokenizer, q.text)) + tokens[q.context] > max_length for q in questions]


def breakdown(
    predictions: Sequence[Prediction], cut: Sequence[bool], null_threshold: float
) -> dict[str, dict[str, dict[str, float]]]:
    """n, EM and F1 in percent by question type, answer length and, where the context was `cut`, answer position.

    Kinds without a question are left out. EM and F1 count as in `score`: with unanswerable questions in the file, at
    the null threshold. These have no answer, so they count by question type only.
    """
    threshold = null_threshold if any(not p.answerable for p in predictions) else None

    def by(kinds: Sequence[str], kind: Callable[[Question], str | None], some: Iterable[Prediction]) -> Any:
        groups: dict[str, list[Prediction]] = {name: [] for name in kinds}
        for prediction in some:
            name = kind(prediction.question)
            if name is not None:
                groups[name].append(prediction)
        return {name: mean_points(group, threshold) for name, group in groups.items() if group}

    long = [p for p, is_cut in zip(predictions, cut, strict=True) if is_cut]
    found = {
        "question type": by(QUESTION_TYPES, lambda q: question_type(q.text), predictions),
        "answer length": by(ANSWER_LENGTHS, answer_length, predictions),
        "answer position": by(ANSWER_POSITIONS, answer_position, long),
    }
    return {name: groups for name, groups in found.items() if groups}


def line(file: str, prediction: Prediction) -> dict[str, Any]:
    """What is written down of one question.

    `start` and `end` are code points of the context, and null with `margin` and `answer_odds` where it has no span;
    `em` and `f1` are the span's own, whatever the null threshold; `answer_tokens` are those of the shortest reference.
    """
    question, span = prediction.question, prediction.span
    return {
        "file": file,
        "id": question.id,
        "question": question.text,
        "answer": prediction.answer,
        "start": span.start if span else None,
        "end": span.end if span else None,
        "margin": round(span.score, 4) if span else None,
        "answer_odds": round(span.answer_odds, 4) if span else None,
        "references": [text for _, text in question.answers],
        "em": prediction.em,
        "f1": round(prediction.f1, 4),
        "question_type": question_type(question.text),
        "answer_tokens": answer_tokens(question),
    }


def table(file: str, scores: Mapping[str, Any]) -> "Table":
    """A file's scores for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    result = Table(title=escape(file), title_justify="left")
    result.add_column("questions")
    for name in ("n", "EM", "F1"):
        result.add_column(name, justify="right")

    def add(name: str, n: float, em: float | str, f1: float | str) -> None:
        result.add_row(name, f"{n:,}", *(value if isinstance(value, str) else f"{value:.2f}" for value in (em, f1)))

    add("all", scores["n"], scores["em"], scores["f1"])
    if "no_answer_n" in scores:
        add("with an answer", scores["has_answer_n"], scores["has_answer_em"], scores["has_answer_f1"])
        add("without one", scores["no_answer_n"], scores["no_answer_accuracy"], scores["no_answer_accuracy"])
        add(f"all, at the best null threshold {scores['best_null_threshold']:g}", scores["n"], "", scores["best_f1"])
    for name, groups in scores["by"].items():
        result.add_section()
        for kind, found in groups.items():
            add(f"{name}: {kind}", found["n"], found["em"], found["f1"])
    return result
