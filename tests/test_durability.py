"""`lector benchmark durability`: each part small, and that it would notice a store that loses or invents something."""

import json
import random
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import benchmarks.durability.report
from app.cli import cli
from benchmarks.durability.child import Child, Ended
from benchmarks.durability.full import check_disk
from benchmarks.durability.kills import MOST_ORDERS
from benchmarks.durability.ledger import Ledger
from benchmarks.durability.orders import ENCODER, State, after, check, draw, obey
from benchmarks.durability.race import ABSENT, BATCHES, TORN, Sight, Write, judge
from store.collection import Collection
from store.errors import Unavailable

WRITE = {"kind": "write", "number": 2, "ids": ["d1", "d2", "d3"], "group": 0}
HISTORY = [Write(0, 1, 0.5, 1.0), Write(0, 2, 4.0, 5.0), Write(0, ABSENT, 8.0, 9.0)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a disk that is quick to sync, where there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


def invoke(folder: Path, **amounts: float) -> tuple[int, str, dict[str, Any]]:
    """Exit code, output and report of the verb."""
    options = {"kills": 0, "full": 0, "flips": 0, "seconds": 0, "at": folder, "json": folder / "report.json"} | amounts
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    result = CliRunner().invoke(cli, ["benchmark", "durability", *arguments])
    return result.exit_code, result.output, json.loads((folder / "report.json").read_text())


def test_writers_are_killed_files_damaged_and_readers_look_on(folder: Path) -> None:
    code, output, report = invoke(folder, kills=2, flips=2, seconds=0.3)
    assert (code, report["failures"], report["failed"]) == (0, [], 0), output
    assert sum(sum(how.values()) for how in report["kills"]["regions"].values()) == 2
    assert report["kills"]["regions"]["transaction"]["line"] >= 1
    assert report["damaged_files"]["views"].keys() == {"dense", "sparse"}
    for kind, readers in (("threads", 8), ("processes", 4)):
        race = report["readers"][kind]
        assert (race["readers"], race["failed"]) == (readers, 0)
        assert race["searches"] >= readers
        assert race["writes"] >= 1
    assert output.count("\n| ") == 5
    assert [path.name for path in folder.iterdir()] == ["report.json"]


def test_disks_run_full(folder: Path) -> None:
    try:
        check_disk(folder)
    except Unavailable as error:
        pytest.skip(str(error))
    code, output, report = invoke(folder, full=2)
    assert (code, report["failures"]) == (0, []), output
    assert report["full_disk"]["refused"] == 6
    assert sum(report["full_disk"]["while_full"].values()) == 4


def test_a_failure_is_reported_and_exits_with_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"kills": 1, "regions": {}, "failures": ["kill 0: a document is lost"] * 30}
    monkeypatch.setattr(benchmarks.durability.report, "kill_writers", lambda *_: broken)
    code, output, report = invoke(folder, kills=1)
    assert (code, report["failed"], len(report["failures"])) == (1, 30, 10)
    assert "kills: kill 0: a document is lost" in output


def test_a_writer_is_killed_in_the_region_that_it_is_aimed_at(folder: Path) -> None:
    child, ledger, chance = Child(), Ledger(folder / "c", "auto"), random.Random(0)
    child.ask("kill", region="snapshot", event=3)
    ledger.open(child)
    with suppress(Ended):
        for _ in range(MOST_ORDERS):
            ledger.order(child, chance)
    assert child.close() == -signal.SIGKILL
    assert child.region == "snapshot"
    assert ("snapshot", 3) in [(region, events) for region, _, events in child.visits]
    assert len(ledger.states) == 2


def test_a_ledger_notices_what_was_not_written_by_it(folder: Path) -> None:
    child, ledger = Child(), Ledger(folder / "c", "auto")
    ledger.open(child)
    ledger.order(child, random.Random(1))
    assert ledger.check(child) == []
    other = Collection(folder / "c", ENCODER)
    other.delete(sorted(ledger.states[0])[:1])
    other.close()
    (wrong,) = ledger.check(child)
    assert wrong.startswith("1 documents are not as they were written, such as d")
    assert child.close() == 0


def test_orders_leave_what_is_foretold(folder: Path) -> None:
    collection = Collection(folder / "c", ENCODER)
    state: State = {}
    chance = random.Random(3)
    for number in range(1, 15):
        order = draw(chance, number)
        obey(collection, order)
        state = after(state, order)
    assert check(collection) == (state, [])
    collection.close()


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ("sparse", "sparse search for everything finds 5 passages of 6, and not the same"),
        ("dense", "dense search does not find d1:0 at version 2"),
        ("text", "d1 at version 2 has another text"),
    ],
)
def test_a_check_notices_views_that_disagree(folder: Path, broken: str, complaint: str) -> None:
    collection = Collection(folder / "c", ENCODER)
    obey(collection, WRITE | {"ids": ["d1", "d2"]})
    state, wrong = check(collection)
    assert (len(state), wrong) == (2, [])
    views = collection._views
    if broken == "sparse":
        views._sparse.apply([], [1], views.changes[1])
    elif broken == "dense":
        views._dense = views._dense.following(views._dense.recent, np.array([1]), views.changes[0])
    else:
        with sqlite3.connect(folder / "c" / "lector.db") as database:
            database.execute("UPDATE documents SET text = replace(text, 'says', 'said')")
        database.close()
    assert complaint in check(collection)[1]
    collection.close()


@pytest.mark.parametrize(
    ("step", "began", "ended", "staleness", "complaint"),
    [
        (ABSENT, 0.1, 0.4, 0, None),
        (1, 0.6, 0.8, 0, None),  # committed, and about to be acknowledged
        (ABSENT, 0.6, 0.8, 0, None),
        (1, 5.25, 5.5, 250, None),
        (1, 6.5, 6.6, 1500, "saw what had been replaced 1500 ms before it began"),
        (2, 9.5, 9.6, 500, "was seen 500 ms after its deletion"),
        (2, 2.0, 3.0, 0, "was seen at step 2, as it was not then"),
        (7, 2.0, 3.0, 0, "was seen at step 7, as it was not then"),
        (TORN, 2.0, 3.0, 0, "was seen torn"),
    ],
)
def test_a_judge_knows_what_may_be_seen(
    step: int, began: float, ended: float, staleness: float, complaint: str | None
) -> None:
    found = judge(HISTORY, [Sight(began, ended, [step] + [ABSENT] * (BATCHES - 1))])
    assert found["staleness_ms"]["max"] == staleness
    assert len(found["failures"]) == (complaint is not None)
    assert complaint is None or complaint in found["failures"][0]


def test_a_judge_lets_sparse_search_lack_only_what_is_new() -> None:
    steps = [2] + [ABSENT] * (BATCHES - 1)
    assert judge(HISTORY, [Sight(4.2, 5.4, steps, behind=[0])])["failures"] == []
    assert len(judge(HISTORY, [Sight(6.2, 7.4, steps, behind=[0])])["failures"]) == 1
