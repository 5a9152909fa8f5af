"""Calibration: its arithmetic on hand-made cases, and a fit of the shipped reader on a small file."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.artifact import SHIPPED, load_artifact
from models.confidence import FEATURES, probability
from models.evaluation.calibrate import calibrate
from models.evaluation.calibration import expected_calibration_error, fit_logistic, risk_coverage
from store.errors import InvalidInput


def test_calibration_error_is_the_weighted_gap_of_bins() -> None:
    confidences, right = np.array([0.95, 0.95, 0.15, 0.15]), np.array([1.0, 0.0, 0.0, 0.0])
    assert expected_calibration_error(confidences, right, bins=10) == pytest.approx(0.5 * 0.45 + 0.5 * 0.15)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0


def test_risk_and_coverage_go_from_the_most_confident_on() -> None:
    coverage, risk = risk_coverage(np.array([0.2, 0.9, 0.5]), np.array([0.0, 1.0, 0.0]))
    assert coverage.tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert risk.tolist() == pytest.approx([0, 1 / 2, 2 / 3])


def test_a_logistic_fit_finds_the_weights_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.ones(20_000), rng.normal(size=20_000), 10 * rng.normal(size=20_000)])
    labels = rng.random(20_000) < 1 / (1 + np.exp(-(rows @ [0.5, -1.5, 0.2])))
    assert fit_logistic(rows.tolist(), labels.tolist()) == pytest.approx((0.5, -1.5, 0.2), abs=0.1)


def write_set(path: Path, count: int) -> None:
    paragraphs = []
    for number in range(count):
        name, year = f"Hall {chr(65 + number % 26)}{number}", str(1700 + number)
        context = f"The building called {name} was finished in {year}. It has {number + 3} rooms and a garden."
        question = {"id": str(number), "question": f"When was {name} finished?", "is_impossible": False}
        paragraphs.append(
            {"context": context, "qas": [question | {"answers": [{"text": year, "answer_start": context.index(year)}]}]}
        )
    path.write_text(json.dumps({"version": "1", "data": [{"title": "Halls", "paragraphs": paragraphs}]}), "utf-8")


def test_calibrating_writes_its_weights_into_the_card(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "base", tmp_path / "mine")
    write_set(tmp_path / "tuning.json", 80)
    report = calibrate([tmp_path / "tuning.json"], str(tmp_path / "mine"), "encoder", passages=4, threads=0)
    card = load_artifact(str(tmp_path / "mine"), "reader").card
    assert report["questions"] == 80
    assert 50 <= report["answerable"] <= 70
    assert set(card.calibration) == {"answer", "no_answer"}
    assert all(len(weights) == len(FEATURES) for weights in card.calibration.values())
    assert card.metrics["calibration_ece"] == round(report["held_out"]["ece"], 4)
    sure, unsure = (1.0, 8.0, 6.0, 0.0, 0.0, 1.0), (1.0, -8.0, -6.0, 0.0, 1.0, 0.5)
    assert probability(card.calibration["answer"], sure) > probability(card.calibration["answer"], unsure)


def test_too_few_questions_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path / "few.json", 49)
    with pytest.raises(InvalidInput, match="49 questions"):
        calibrate([tmp_path / "few.json"], "base", "encoder", passages=4, threads=0)
