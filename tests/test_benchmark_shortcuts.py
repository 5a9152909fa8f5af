"""`python -m benchmarks.shortcuts`: each way reads what it says, and is judged by the same."""

from pathlib import Path

import pytest

from benchmarks.shortcuts import WAYS, WHOLE, measure
from benchmarks.tables import shortcuts_table
from tests.models.judged_files import QUESTIONS, write_squad

CONTEXTS = 3  # that a question is about


def test_each_way_is_asked_all_questions(tmp_path: Path) -> None:
    report = measure(write_squad(tmp_path / "planets.json"), limit=None, index=None)
    ways = report["ways"]
    assert list(ways) == list(WAYS)
    assert report["questions"] == len(QUESTIONS) + 1
    assert ways[WHOLE]["passages_read"] == CONTEXTS
    assert ways[WHOLE]["same_answer"] == 1.0
    assert 1 <= ways["early_exit"]["passages_read"] <= CONTEXTS
    assert all(way["em"] <= way["f1"] <= 100 for way in ways.values())
    assert f"{len(QUESTIONS) + 1} questions" in shortcuts_table(report)


def test_a_budget_that_is_over_at_once_reads_one_passage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WAYS, "budget_ms = 25", {"budget_ms": 1e-6})
    report = measure(write_squad(tmp_path / "planets.json"), limit=2, index=None)
    assert report["questions"] == 2
    assert report["ways"]["budget_ms = 25"]["passages_read"] == 1
