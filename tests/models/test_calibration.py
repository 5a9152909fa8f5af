"""Calibration: its arithmetic on hand-made cases, and a fit of the shipped reader on a small file."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.artifact import SHIPPED, load_artifact, write_card
from models.confidence import FEATURES, Calibration, features, probability
from models.evaluation.calibrate import (
    FOLDS,
    Judged,
    Weights,
    calibrate,
    fit,
    fit_margin_limit,
    judge_held_out,
    measure,
)
from models.evaluation.calibration import (
    calibration_error_by_chance,
    expected_calibration_error,
    fit_logistic,
    log_loss,
    reliability,
    risk_coverage,
)
from models.evaluation.calibration_plot import draw
from models.evaluation.open_domain import Asked
from models.spans import Span
from store.errors import InvalidInput
from tests.models.asking import question
from tests.models.halls import write_halls

RANKED_BY_MARGIN: Weights = {"answer": (0.0, 1.0, *[0.0] * 5)}


def test_reliability_compares_what_was_said_with_what_came_of_it() -> None:
    said, true = np.array([0.0, 0.1, 0.25, 0.4, 0.75, 1.0]), np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    assert reliability(said, true, bins=4) == [
        {"from": 0.0, "to": 0.25, "n": 2, "said": pytest.approx(0.05), "true": 0.5},
        {"from": 0.25, "to": 0.5, "n": 2, "said": pytest.approx(0.325), "true": 0.5},
        {"from": 0.75, "to": 1.0, "n": 2, "said": pytest.approx(0.875), "true": 1.0},
    ]
    error = (2 * 0.45 + 2 * 0.175 + 2 * 0.125) / 6
    assert expected_calibration_error(said, true, bins=4) == pytest.approx(error)


def test_calibration_error_is_the_weighted_gap_of_bins() -> None:
    confidences, right = np.array([0.95, 0.95, 0.15, 0.15]), np.array([1.0, 0.0, 0.0, 0.0])
    assert expected_calibration_error(confidences, right, bins=10) == pytest.approx(0.5 * 0.45 + 0.5 * 0.15)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0
    # Two of the fifteen bins, whose border is at 0.0667: gaps 0.04 and 0.92.
    assert expected_calibration_error(np.array([0.04, 0.08]), np.array([0.0, 1.0])) == pytest.approx(0.96 / 2)


def test_probabilities_that_are_right_still_err_by_chance() -> None:
    assert calibration_error_by_chance(np.array([0.0, 1.0, 1.0])) == 0
    assert calibration_error_by_chance(np.full(1, 0.5)) == 0.5
    # The share of n draws at a probability of a half is off by sqrt(1 / (2 pi n)) in the mean.
    assert calibration_error_by_chance(np.full(400, 0.5)) == pytest.approx(math.sqrt(1 / (2 * math.pi * 400)), rel=0.2)


def test_log_loss_is_that_of_what_came_true() -> None:
    assert log_loss(np.array([0.5, 0.25, 0.1]), np.array([1.0, 1.0, 0.0])) == pytest.approx(
        (math.log(2) + math.log(4) - math.log(0.9)) / 3
    )
    assert np.isfinite(log_loss(np.array([0.0]), np.array([1.0])))


def test_risk_and_coverage_go_from_the_most_confident_on() -> None:
    coverage, risk = risk_coverage(np.array([0.2, 0.9, 0.5]), np.array([0.0, 1.0, 0.0]))
    assert coverage.tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert risk.tolist() == pytest.approx([0, 1 / 2, 2 / 3])


def test_a_logistic_fit_finds_the_weights_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.ones(20_000), rng.normal(size=20_000), 10 * rng.normal(size=20_000)])
    labels = rng.random(20_000) < 1 / (1 + np.exp(-(rows @ [0.5, -1.5, 0.2])))
    assert fit_logistic(rows.tolist(), labels.tolist()) == pytest.approx((0.5, -1.5, 0.2), abs=0.1)


def test_figures_of_judged_questions_by_hand() -> None:
    judged = Judged(
        confidence=np.array([0.9, 0.7, 0.5, 0.1]),
        no_answer=np.array([0.1, 0.5, 0.4, 0.9]),
        f1=np.array([1.0, 0.5, 0.49, 0.0]),
        answerable=np.array([1.0, 1.0, 1.0, 0.0]),
    )
    assert judged.right.tolist() == [1, 1, 0, 0]
    report = measure(judged)
    found = report["held_out"]
    assert found["accuracy"] == 0.5
    assert found["f1"] == pytest.approx((1.0 + 0.0 + 0.49 + 1.0) / 4), "the second was refused, the last rightly so"
    assert found["aurc"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert found["ece"] == pytest.approx((0.1 + 0.3 + 0.5 + 0.1) / 4)
    assert found["no_answer_ece"] == pytest.approx((0.1 + 0.5 + 0.4 + 0.1) / 4)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.7, 0.5, 0.9]).mean())
    assert found["no_answer_log_loss"] == pytest.approx(-np.log([0.9, 0.5, 0.6, 0.9]).mean())
    assert report["risk_coverage"][0] == [0.25, 0.0]
    assert report["risk_coverage"][-1] == [1.0, 0.5]
    assert [b["n"] for b in report["reliability"]["answer"]] == [1, 1, 1, 1]


def asked(context: str, *margins: float, right: int = 0, answerable: bool = True) -> Asked:
    """A question over passages "one", "two", ... with one span each, of which the `right`-th is the answer."""
    texts = ("one", "two", "three", "four")[: len(margins)]
    spans = tuple([Span(0, len(text), margin, margin)] for text, margin in zip(texts, margins, strict=True))
    standing = tuple(1 - i / 10 for i in range(len(texts)))
    whole = question("What?", f"{context} {texts[right]}", texts[right])
    return Asked(whole, texts, tuple((text, 0) for text in texts), standing, spans, spans, answerable)


def test_candidates_and_their_f1_are_of_the_passages_read_so_far() -> None:
    one = asked("x", 1.0, 3.0, 2.0, right=2)
    assert [c.text for c in one.candidates] == ["two", "three", "one"]
    assert one.f1 == [0.0, 1.0, 0.0]
    assert [c.text for c in one.after(1)] == ["one"]
    assert [c.text for c in one.after(2)] == ["two", "one"]
    assert asked("x", 1.0, 3.0, right=1, answerable=False).f1 == [0.0, 0.0]


def test_reading_ends_by_what_was_read_and_is_judged_by_the_closer_look() -> None:
    one = replace(asked("x", 5.0, 1.0, 1.0), as_read=asked("x", 1.0, 2.0, 1.5).spans)
    assert [c.text for c in one.candidates] == ["one", "two", "three"]
    assert [c.text for c in one.after(3)] == ["two", "three", "one"]
    # After the first passage another answer comes first than after all, though a closer look prefers it, too.
    assert fit_margin_limit(RANKED_BY_MARGIN, [one])["passages_read"] == 2


def test_no_question_is_judged_by_a_fit_that_has_seen_its_context() -> None:
    # The better margin is right in the contexts of four folds and wrong in the fifth's, which its own fit cannot know.
    some = []
    for number in range(FOLDS * 40):
        right = 0 if number % FOLDS < FOLDS - 1 else 1
        some += [asked(str(number), 6.0, -6.0, right=right, answerable=number // FOLDS % 4 > 0)] * 2
    judged = judge_held_out(some)
    assert len(judged.confidence) == len(some)
    assert judged.answerable.mean() == 0.75
    assert judged.right[-80:].sum() == 0, "the last fold's questions come last"
    assert judged.right[:-80].mean() == 0.75
    assert judged.confidence[-80:] == pytest.approx(np.full(80, 0.75), abs=0.02)
    assert judged.confidence[:-80] == pytest.approx(np.full(320, 0.75 * 3 / 4), abs=0.02)


def test_the_margin_limit_is_the_lowest_that_keeps_first_answers() -> None:
    # Ranked by margin alone, reading ends once the best margin is above the limit.
    early = [asked(str(n), 5.0, 1.0, 1.0) for n in range(99)]
    late = [asked("late", 2.5, 1.0, 7.5)]
    found = fit_margin_limit(RANKED_BY_MARGIN, [*early, *late])
    assert found == {"margin_limit": -10.0, "passages_read": 1.0, "changed": 0.01}
    found = fit_margin_limit(RANKED_BY_MARGIN, [*early[:98], *late])
    assert found["margin_limit"] == 3.0, "above 2.5, so that the late one is read to its end"
    assert found["passages_read"] == pytest.approx((98 * 1 + 3) / 99)
    assert found["changed"] == 0
    calibration = Calibration(RANKED_BY_MARGIN | {"margin_limit": (found["margin_limit"],)})
    assert not calibration.settled(late[0].after(2), late[0].standing, 2)
    assert calibration.settled(early[0].after(1), early[0].standing, 1)


def test_where_no_limit_keeps_first_answers_it_is_the_highest() -> None:
    found = fit_margin_limit(RANKED_BY_MARGIN, [asked("x", 50.0, 60.0)])
    assert found == {"margin_limit": 40.0, "passages_read": 1.0, "changed": 1.0}


def test_what_is_always_so_cannot_be_fitted() -> None:
    with pytest.raises(InvalidInput, match="all 2"):
        fit_logistic([(1.0, 2.0), (1.0, 3.0)], [True, True])


def test_a_fit_ranks_by_what_was_right_and_knows_how_often() -> None:
    rng = np.random.default_rng(0)
    some = [asked(str(n), *rng.normal(size=3), right=0, answerable=n % 3 > 0) for n in range(300)]
    weights = fit(some)
    calibration = Calibration(weights)
    said = [max(calibration.judge(one.candidates, one.standing)[0]) for one in some]
    first = [one.f1[int(np.argmax(calibration.judge(one.candidates, one.standing)[0]))] for one in some]
    assert np.mean(said) == pytest.approx(np.mean(first), abs=0.01)
    assert np.mean(first) > 0.6, "the first passage's span is the right one, wherever there is one"
    none = [calibration.judge(one.candidates, one.standing)[1] for one in some]
    assert np.mean(none) == pytest.approx(1 / 3, abs=0.01)
    assert len(features(some[0].candidates, some[0].standing)[0]) == len(weights["answer"]) == len(FEATURES)


def test_what_a_reader_was_trained_on_does_not_calibrate_it(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "base", tmp_path / "mine")
    write_halls(tmp_path / "tuning.json", 80)
    card = load_artifact(str(tmp_path / "mine"), "reader").card
    training = {"config": {"train": [{"file": "tuning.json", "licence": "CC0"}]}}
    write_card(tmp_path / "mine", card.model_copy(update={"training": training}))
    mine = load_artifact(str(tmp_path / "mine"), "reader")
    with pytest.raises(InvalidInput, match="trained on all of"):
        calibrate([tmp_path / "tuning.json"], mine, "encoder", passages=4, threads=0)


def test_calibrating_writes_its_weights_into_the_card(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "base", tmp_path / "mine")
    write_halls(tmp_path / "tuning.json", 80)
    mine = load_artifact(str(tmp_path / "mine"), "reader")
    report = calibrate([tmp_path / "tuning.json"], mine, "encoder", passages=4, threads=0)
    card = load_artifact(str(tmp_path / "mine"), "reader").card
    assert report["questions"] == 80
    assert report["passages"] == 4
    assert 50 <= report["answerable"] <= 70
    assert set(card.calibration) == {"answer", "no_answer", "margin_limit"}
    assert len(card.calibration["answer"]) == len(card.calibration["no_answer"]) == len(FEATURES)
    assert card.calibration["margin_limit"] == (report["early_exit"]["margin_limit"],)
    assert card.metrics["calibration_ece"] == round(report["held_out"]["ece"], 4)
    sure, unsure = (1.0, 8.0, 6.0, 0.0, 0.0, 1.0, 1.0), (1.0, -8.0, -6.0, 0.0, 1.0, 0.5, 0.5)
    assert probability(card.calibration["answer"], sure) > probability(card.calibration["answer"], unsure)
    for name in ("answer", "no_answer"):
        assert sum(b["n"] for b in report["reliability"][name]) == 80
    pytest.importorskip("matplotlib")
    draw(report, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_too_few_questions_are_refused(tmp_path: Path) -> None:
    write_halls(tmp_path / "few.json", 49)
    with pytest.raises(InvalidInput, match="49 questions"):
        calibrate([tmp_path / "few.json"], load_artifact("base", "reader"), "encoder", passages=4, threads=0)
