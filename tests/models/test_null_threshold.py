"""Scores of a reader's predictions, and the threshold for "no answer", by hand and against brute force."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import SHIPPED, Artifact, load_artifact, write_card
from models.evaluation.null_threshold import fit_null_threshold
from models.evaluation.reader import Prediction, best_null_threshold, judge, mean_points, points, score
from models.evaluation.seen import untrained
from models.evaluation.squad import Question, in_share, read_squad
from models.spans import Span
from store.errors import InvalidInput
from tests.models.asking import UNANSWERABLE, prediction, question
from tests.models.halls import write_halls

PREDICTIONS = st.lists(
    st.builds(
        prediction,
        answer_odds=st.integers(-20, 20).map(lambda n: n / 4),
        f1=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        em=st.sampled_from([0.0, 1.0]),
        asked=st.sampled_from([None, UNANSWERABLE]),
    )
    | st.builds(prediction, st.just(float("-inf")), st.just(0.0), asked=st.sampled_from([None, UNANSWERABLE])),
    min_size=1,
    max_size=12,
)
BY_HAND = [
    prediction(3.0, 1.0, 1.0),
    prediction(1.0, 0.5),
    prediction(2.0, 0.0, asked=UNANSWERABLE),
    prediction(-1.0, 0.0, asked=UNANSWERABLE),
]


def f1_at(predictions: list[Prediction], threshold: float, balanced: bool = False) -> float:
    kinds = [
        [p.f1 if p.answer_odds > threshold else 0.0 for p in predictions if p.answerable],
        [float(p.answer_odds <= threshold) for p in predictions if not p.answerable],
    ]
    if balanced:
        return 100 * float(np.mean([np.mean(kind) for kind in kinds if kind]))
    return 100 * float(np.mean(kinds[0] + kinds[1]))


@given(PREDICTIONS, st.booleans())
def test_no_threshold_is_better_than_the_best_one(predictions: list[Prediction], balanced: bool) -> None:
    best, threshold = best_null_threshold(predictions, balanced)
    tried = [float("-inf"), *np.arange(-6.0, 6.0, 0.125).tolist()]
    assert best == pytest.approx(max(f1_at(predictions, t, balanced) for t in tried), abs=0.01)
    assert best == pytest.approx(f1_at(predictions, threshold, balanced), abs=0.01)


@given(PREDICTIONS, st.integers(-20, 20).map(lambda n: n / 4))
def test_scores_are_means_over_questions_of_each_kind(predictions: list[Prediction], threshold: float) -> None:
    result = score(predictions, threshold)
    has = [p for p in predictions if p.answerable]
    assert result["n"] == len(predictions)
    if len(has) == len(predictions):
        assert result["f1"] == pytest.approx(100 * np.mean([p.f1 for p in has]), abs=0.01)
        assert result["em"] == pytest.approx(100 * np.mean([p.em for p in has]), abs=0.01)
        return
    none = [p for p in predictions if not p.answerable]
    assert result["f1"] == pytest.approx(f1_at(predictions, threshold), abs=0.01)
    assert (result["has_answer_n"], result["no_answer_n"]) == (len(has), len(none))
    assert result["no_answer_accuracy"] == pytest.approx(f1_at(none, threshold), abs=0.01)
    assert result["has_answer_f1"] == pytest.approx(f1_at(has, threshold) if has else 0.0, abs=0.01)
    assert result["best_f1"] >= result["f1"] - 0.01
    at_best = score(predictions, result["best_em_null_threshold"])
    assert result["best_em"] == pytest.approx(at_best["em"], abs=0.01)
    assert result["best_em"] >= max(result["em"], score(predictions, result["best_null_threshold"])["em"]) - 0.01


def test_scores_by_hand() -> None:
    found = score(BY_HAND, null_threshold=0.0)
    assert (found["em"], found["f1"]) == (50.0, 62.5)
    assert (found["has_answer_em"], found["has_answer_f1"], found["no_answer_accuracy"]) == (50.0, 75.0, 50.0)
    assert (found["best_f1"], found["best_null_threshold"]) == (75.0, 2.5)
    assert score(BY_HAND[:2], 99.0) == {"n": 2, "em": 50.0, "f1": 75.0}
    assert score([], 0.0)["n"] == 0


def test_odds_at_the_threshold_are_refused() -> None:
    answered, unanswerable = prediction(1.0, 0.5, 0.0), prediction(1.0, 0.0, asked=UNANSWERABLE)
    assert points(answered, 0.99) == (0.0, 0.5)
    assert points(answered, 1.0) == (0.0, 0.0)
    assert points(unanswerable, 0.99) == (0.0, 0.0)
    assert points(unanswerable, 1.0) == (1.0, 1.0)
    assert points(prediction(-50.0, 1.0, 1.0), None) == (1.0, 1.0)
    assert points(prediction(float("-inf"), 0.0, asked=UNANSWERABLE), -99.0) == (1.0, 1.0)
    assert mean_points([answered, unanswerable], 0.5) == {"n": 2, "em": 0.0, "f1": 25.0}


def test_a_span_is_judged_by_its_text_against_all_references() -> None:
    asked = question("What colour?", "a dark red house.", "dark red", "red house", ".")
    found = judge(asked, Span(7, 16, 2.5, 1.5))
    assert (found.answer, found.answer_odds, found.em, found.f1) == ("red house", 1.5, 1.0, 1.0)
    assert judge(asked, Span(2, 16, 2.5, 1.5)).f1 == pytest.approx(0.8)
    nothing = judge(asked, None)
    assert (nothing.answer, nothing.answer_odds, nothing.em, nothing.f1) == ("", float("-inf"), 0.0, 0.0)


def test_both_kinds_weigh_the_same_however_many_there_are() -> None:
    few = [prediction(3.0, 1.0), prediction(0.5, 1.0)]
    many = [prediction(m, 0.0, asked=UNANSWERABLE) for m in (2.0, 1.0, 0.0, 0.0, 0.0, -1.0)]
    # Above 2.5: 1 of 2 and 6 of 6, in all 7 of 8. Above 0.25: 2 of 2 and 4 of 6, in all 6 of 8.
    assert best_null_threshold(few + many) == (87.5, 2.5)
    assert best_null_threshold(few + many, balanced=True) == (83.33, 0.25)
    assert best_null_threshold(few, balanced=True) == (100.0, 0.0)
    assert best_null_threshold(many, balanced=True) == (100.0, 2.5)


def copy_of_base(folder: Path, training: dict[str, object]) -> Artifact:
    shutil.copytree(SHIPPED / "base", folder)
    card = load_artifact("base", "reader").card.model_copy(update={"training": training, "null_threshold": 77.0})
    return write_card(folder, card)


def test_a_fitted_threshold_is_written_into_the_card(tmp_path: Path) -> None:
    mine = copy_of_base(tmp_path / "mine", {})
    halls, others = tmp_path / "halls.json", tmp_path / "others.json"
    write_halls(halls, 20)
    write_halls(others, 30, answered=False)
    report = fit_null_threshold([halls, others], mine)
    card = load_artifact(str(tmp_path / "mine"), "reader").card
    assert report["questions"] == {"with_answer": 20, "without_answer": 30}
    assert report["f1"] == pytest.approx((report["has_answer_f1"] + report["no_answer_accuracy"]) / 2, abs=0.01)
    assert report["f1"] > 90, "who built a hall is not said; when it was finished is"
    assert card.null_threshold == report["null_threshold"] != 77.0
    assert card.metrics["null_threshold_f1"] == report["f1"]
    assert card.calibration == mine.card.calibration
    for files in ([halls], [others]):
        with pytest.raises(InvalidInput, match="both kinds"):
            fit_null_threshold(files, mine)


def test_contexts_without_a_word_leave_a_threshold_that_is_a_number() -> None:
    nothing = prediction(float("-inf"), 0.0, asked=UNANSWERABLE)
    f1, threshold = best_null_threshold([nothing])
    assert f1 == 100
    assert math.isfinite(threshold)


def test_of_a_file_that_was_trained_on_only_what_was_held_back_is_used(tmp_path: Path) -> None:
    (tmp_path / "squad").mkdir()
    path = tmp_path / "squad" / "halls.json"
    write_halls(path, 60)
    questions = read_squad(path)

    def left(file: str, **more: float) -> list[Question]:
        folder = tmp_path / f"model-{len(list(tmp_path.iterdir()))}"
        return untrained(questions, path, copy_of_base(folder, {"config": {"train": [{"file": file, **more}]}}))

    kept = left("squad/halls.json", hold_back=0.3)
    assert kept == [q for q in questions if in_share(q.context, 0.3)]
    assert 5 <= len(kept) <= 35
    assert left("other/halls.json") == left("squad/other.json", hold_back=0.3) == questions
    for name in ("squad/halls.json", "squad/halls.json.gz"):
        with pytest.raises(InvalidInput, match="trained on all of"):
            left(name)


def test_of_a_soup_only_what_every_member_held_back_counts(tmp_path: Path) -> None:
    path = tmp_path / "halls.json"
    write_halls(path, 100)
    questions = read_squad(path)
    other, some, less = (
        [{"file": file, "hold_back": share}] for file, share in (("o", 0), ("halls.json", 0.3), ("halls.json", 0.2))
    )

    def left(name: str, *members: list[dict[str, Any]]) -> list[Question]:
        return untrained(
            questions, path, copy_of_base(tmp_path / name, {"config": {"train": other}, "soup_train": members})
        )

    assert left("a", other, some) == [q for q in questions if in_share(q.context, 0.3)]
    assert left("b", some, less, other) == [q for q in questions if in_share(q.context, 0.2)]
    with pytest.raises(InvalidInput, match="trained on all of"):
        left("c", some, [{"file": "halls.json"}])
