"""Several openers of one collection: objects, threads and processes, also ones that are killed."""

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import store.views
import store.writer_lock
from store.collection import Collection
from store.errors import Conflict
from store.sparse import SparseIndex, SparseView
from tests.store.made import ENCODER, ROOT, assert_views_agree, document, embedding, found_ids

EVERY = {"field": "id", "operator": "!=", "value": None}

SEARCHER = """
import json, sys
from pathlib import Path
from store.collection import Collection
from tests.store.made import ENCODER, embedding, found_ids
collection = Collection(Path(sys.argv[1]), ENCODER)
print("ready", flush=True)
for line in sys.stdin:
    dense = collection.passages([h.number for h in collection.search_dense(embedding("x"), 99)])
    print(json.dumps([found_ids(collection, line), sorted(p.document.id for p in dense.values())]), flush=True)
"""

WRITER = """
import itertools, sys
from pathlib import Path
from store.collection import Collection
from tests.store.made import ENCODER, document
collection = Collection(Path(sys.argv[1]), ENCODER)
for i in itertools.count():
    collection.write([document(f"d{i % 7}-{j}", "every apple every berry every grape ", parts=3) for j in range(3)])
    print(i, flush=True)
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from store.collection import Collection
from tests.store.made import ENCODER, document
collection = Collection(Path(sys.argv[1]), ENCODER)
collection.write([document("a", "every a")])
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # in the snapshot of closing
collection.close()
"""

HOLDER = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1] + "/writer.lock"):
    print("held", flush=True)
    sys.stdin.read()
"""


def start(program: str, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_another_object_in_the_process_sees_changes_at_once(collection: Collection) -> None:
    other = Collection(collection.folder, ENCODER)
    collection.write([document("a", "every a")])
    assert found_ids(other, "every") == ["a"]
    other.write([document("b", "every b")])
    other.delete(["a"])
    assert found_ids(collection, "every") == ["b"]
    for one in (collection, other):
        assert_views_agree(one)
        assert one.state() == other.state()
    other.close()


def test_another_process_sees_changes_at_once(collection: Collection) -> None:
    process = start(SEARCHER, collection.folder)
    assert process.stdin is not None
    assert read_line(process) == "ready"
    changes: list[tuple[Callable[[], object], list[str]]] = [
        (lambda: collection.write([document(i, f"every {i}") for i in "ab"]), ["a", "b"]),
        (lambda: collection.delete(["a"]), ["b"]),
        (lambda: collection.write([document("b", "every new b"), document("c", "every c")]), ["b", "c"]),
    ]
    for change, expected in changes:
        change()
        process.stdin.write("every\n")
        process.stdin.flush()
        asked = time.monotonic()
        assert json.loads(read_line(process)) == [expected, expected]
        assert time.monotonic() - asked < 1
    process.communicate(timeout=10)


def test_a_search_while_another_process_finishes_its_writing_adds_nothing_twice(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a searcher's look at the sparse view and its taking of the lock, a writer may have moved it on."""
    other = Collection(collection.folder, ENCODER)
    sparse = collection._views._sparse
    reload = sparse.reload

    def and_then_the_other_finishes() -> SparseView:
        view = reload()
        monkeypatch.undo()
        other.refresh()
        return view

    monkeypatch.setattr(other, "refresh", lambda: None)  # its transaction is through, its views are still behind
    other.write([document("a", "every a")])
    monkeypatch.setattr(sparse, "reload", and_then_the_other_finishes)
    collection.search_sparse("every", 5)
    assert_views_agree(collection)
    assert_views_agree(other)
    other.close()


def test_threads_can_write_and_search_at_once(collection: Collection) -> None:
    def write(thread: int) -> None:
        for i in range(4):
            collection.write([document(f"{thread}-{i}", f"every {thread} {i}")])
            if i % 2:
                collection.delete([f"{thread}-{i}"])

    def search(_: int) -> None:
        for _ in range(30):
            collection.search_sparse("every", 5)
            collection.search_dense(embedding("x"), 5)
            collection.state()

    with ThreadPoolExecutor(5) as pool:
        for done in [pool.submit(write, i) for i in range(2)] + [pool.submit(search, i) for i in range(2)]:
            done.result()
    assert collection.state().documents == 4
    assert_views_agree(collection)


def test_a_collection_that_another_process_holds_can_be_read_but_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.writer_lock, "WRITER_TIMEOUT_S", 0.2)
    collection = Collection(tmp_path / "letters", ENCODER)
    collection.write([document("a", "every a")])
    holder = start(HOLDER, collection.folder)
    assert read_line(holder) == "held"
    changes: list[Callable[[], int]] = [
        lambda: collection.write([document("b", "every b")]),
        lambda: collection.delete(["a"]),
        lambda: collection.finish_source("x", "v", []),
        lambda: collection.delete_source("x"),
        lambda: collection.delete_matching(EVERY),
        lambda: collection.update_meta(EVERY, {"x": 1}),
        lambda: collection.delete_all(),
    ]
    for change in changes:
        with pytest.raises(Conflict, match="another writer has held collection 'letters'"):
            change()
    assert found_ids(collection, "every") == ["a"]
    reader = Collection(tmp_path / "letters", ENCODER)
    assert found_ids(reader, "every") == ["a"]
    reader.close()
    holder.communicate(timeout=10)
    collection.write([document("b", "every b")])
    assert_views_agree(collection)
    collection.close()


def test_a_second_writer_waits_for_the_first_in_threads_too(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as pool, collection.alone():
        waiting = pool.submit(collection.write, [document("a", "every a")])
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.1)
    assert waiting.result(timeout=10) == 1
    monkeypatch.setattr(store.writer_lock, "WRITER_TIMEOUT_S", 0.1)
    with ThreadPoolExecutor(1) as pool, collection.alone():
        refused = pool.submit(collection.write, [document("b", "every b")])
        with pytest.raises(Conflict, match="another writer has held collection 'letters'"):
            refused.result(timeout=10)
    assert_views_agree(collection)


def test_a_search_waits_for_the_sparse_view_that_another_process_is_changing(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Collection(collection.folder, ENCODER)
    changed = threading.Event()
    refresh = other.refresh

    def slowly() -> None:
        changed.set()
        time.sleep(0.2)
        refresh()

    monkeypatch.setattr(other, "refresh", slowly)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(other.write, [document("a", "every a")])
        assert changed.wait(10)  # the transaction is through, the views are still behind
        assert found_ids(collection, "every") == ["a"]
        writing.result()
        monkeypatch.setattr(store.views, "FOLLOWED_WITHIN_S", 0.0)
        changed.clear()
        writing = pool.submit(other.write, [document("b", "every b")])
        assert changed.wait(10)
        assert found_ids(collection, "every") == ["a"]  # as it was
        writing.result()
    assert found_ids(collection, "every") == ["a", "b"]
    other.close()


def test_a_search_does_not_keep_a_writer_of_its_own_process_from_finishing(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, refresh = threading.Event(), collection.refresh

    def late() -> None:
        changed.set()
        time.sleep(0.2)  # the transaction is through; a search begins, and waits for the views
        refresh()

    monkeypatch.setattr(collection, "refresh", late)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(collection.write, [document("a", "every a")])
        assert changed.wait(10)
        assert found_ids(collection, "every") == ["a"]
        writing.result()


@pytest.mark.parametrize("left", ["nothing", "an empty index"])
def test_a_search_while_another_process_makes_the_sparse_view_anew_uses_the_one_before(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    monkeypatch.setattr(store.views, "FOLLOWED_WITHIN_S", 0.0)
    other = Collection(collection.folder, ENCODER)
    other.write([document("a", "every a")])
    assert found_ids(collection, "every") == ["a"]
    with monkeypatch.context() as patched, other.alone():
        patched.setattr(other, "refresh", lambda: None)
        other.write([document("b", "every b")])
        shutil.rmtree(collection.folder / "sparse")
        if left == "an empty index":
            SparseIndex.at(collection.folder / "sparse")
        assert found_ids(collection, "every") == ["a"]
    assert_views_agree(collection)
    assert_views_agree(other)
    other.close()


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_writer_leaves_a_whole_collection(tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "letters"
    process = start(WRITER, folder)
    for _ in range(2 + 2 * seed):
        written = int(read_line(process))
    time.sleep(random.Random(seed).random() / 10)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    collection = Collection(folder, ENCODER)
    state = collection.state()
    assert state.documents >= 3 * min(7, written + 1)
    assert state.documents % 3 == 0, "batches are written whole or not at all"
    assert state.passages == 3 * state.documents
    assert_views_agree(collection)
    collection.write([document("after", "every word after")])
    assert_views_agree(collection)
    collection.close()


def test_writers_killed_in_their_snapshots_leave_no_files_for_good(collection: Collection) -> None:
    for _ in range(2):
        process = start(KILLED, collection.folder)
        process.communicate(timeout=10)
        assert process.returncode == -signal.SIGKILL
    assert len(list(collection.folder.glob("*.tmp"))) == 1
    assert_views_agree(collection)
    collection.close()
    assert not list(collection.folder.glob("*.tmp"))
