"""Any sequence of writes, deletions, updates, crashes, reopenings and damages, against a dictionary and brute force.

`STORE_SEQUENCES=500 pytest tests/store/test_sequences.py` tries more of them than the suite does.
"""

import atexit
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import store.views
from store.collection import Collection, OnDuplicate
from store.errors import Duplicate
from tests.store.made import ENCODER, ROOT, document, embedding

WORDS = ["apple", "berry", "cherry", "date"]
IDS = [f"d{i}" for i in range(8)]
QUESTION = embedding("question")

# Another process: for each line it opens the collection, writes one document or deletes it, and closes unless it is to
# leave as if it had been killed.
OTHER = """
import json, sys
from pathlib import Path
from store.collection import Collection
from tests.store.made import ENCODER, document
for line in sys.stdin:
    order = json.loads(line)
    collection = Collection(Path(order["folder"]), ENCODER)
    if order["text"] is None:
        collection.delete([order["id"]])
    else:
        collection.write([document(order["id"], order["text"], meta=order["meta"])])
    if order["close"]:
        collection.close()
    print("done", flush=True)
"""

Stored = dict[str, tuple[str, dict[str, Any]]]  # text and metadata by id


@cache
def other_process() -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    atexit.register(process.communicate)
    return process


ids = st.sampled_from(IDS)
texts = st.lists(st.sampled_from(WORDS), max_size=3).map(lambda words: " ".join(["every", *words]))
metas = st.fixed_dictionaries(
    {}, optional={"n": st.integers(0, 3) | st.none(), "s": st.sampled_from(["x", "2024-01-01"])}
)
filters: st.SearchStrategy[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = st.one_of(
    st.integers(0, 3).map(lambda n: ({"field": "meta.n", "operator": "==", "value": n}, lambda m: m.get("n") == n)),
    st.integers(0, 3).map(lambda n: ({"field": "meta.n", "operator": "!=", "value": n}, lambda m: m.get("n") != n)),
    st.integers(0, 3).map(
        lambda n: (
            {"field": "meta.n", "operator": "<", "value": n},
            lambda m: m.get("n") is not None and m["n"] < n,
        )
    ),
    st.just(({"field": "meta.s", "operator": "in", "value": ["x", "y"]}, lambda m: m.get("s") == "x")),
)


class Sequences(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        memory = Path("/dev/shm")  # a disk that is quick to sync, where there is one
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None)) / "c"
        self.collection = Collection(self.folder, ENCODER)
        self.stored: Stored = {}

    @rule(
        batch=st.lists(st.tuples(ids, texts, metas), max_size=4), policy=st.sampled_from(["overwrite", "skip", "fail"])
    )
    def write(self, batch: list[tuple[str, str, dict[str, Any]]], policy: OnDuplicate) -> None:
        new = [document(id_, text, meta=meta) for id_, text, meta in batch]
        names = [id_ for id_, _, _ in batch]
        if policy == "fail" and (len(set(names)) < len(names) or set(names) & self.stored.keys()):
            with pytest.raises(Duplicate):
                self.collection.write(new, policy)
            return
        before = set(self.stored) if policy == "skip" else set()
        written: set[str] = set()
        for id_, text, meta in batch:
            if policy == "skip" and id_ in before | written:
                continue
            written.add(id_)
            self.stored.pop(id_, None)
            self.stored[id_] = (text, meta)
        assert self.collection.write(new, policy) == len(written)

    @rule(some=st.lists(ids, max_size=3))
    def delete(self, some: list[str]) -> None:
        there = set(some) & self.stored.keys()
        assert self.collection.delete(some) == len(there)
        for id_ in there:
            del self.stored[id_]

    @rule(chosen=filters)
    def delete_matching(self, chosen: tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]) -> None:
        gone = [id_ for id_, (_, meta) in self.stored.items() if chosen[1](meta)]
        assert self.collection.delete_matching(chosen[0]) == len(gone)
        for id_ in gone:
            del self.stored[id_]

    @rule(chosen=filters, changes=metas)
    def update(self, chosen: tuple[dict[str, Any], Callable[[dict[str, Any]], bool]], changes: dict[str, Any]) -> None:
        matching = [id_ for id_, (_, meta) in self.stored.items() if chosen[1](meta)]
        assert self.collection.update_meta(chosen[0], changes) == len(matching)
        for id_ in matching:
            text, meta = self.stored[id_]
            self.stored[id_] = (text, {**meta, **changes})

    @rule(id_=ids, text=st.none() | texts, meta=metas, close=st.booleans())
    def write_in_another_process(self, id_: str, text: str | None, meta: dict[str, Any], close: bool) -> None:
        process = other_process()
        assert process.stdin is not None
        assert process.stdout is not None
        order = {"folder": str(self.folder), "id": id_, "text": text, "meta": meta, "close": close}
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
        self.stored.pop(id_, None)
        if text is not None:
            self.stored[id_] = (text, meta)

    @rule()
    def snapshot(self) -> None:
        self.collection._views.save(closing=True)

    @rule()
    def reopen(self) -> None:
        self.collection.close()
        self.collection = Collection(self.folder, ENCODER)

    @rule(seed=st.integers(0, 10**6), kind=st.sampled_from(["flip", "cut", "lose", "nothing"]))
    def crash(self, seed: int, kind: str) -> None:
        """The process goes without closing, and something happens to one of the views' files."""
        self.collection._database.close()
        chance = random.Random(seed)
        files = [p for p in (self.folder / "sparse").glob("*.*") if not p.name.startswith(".") and p.suffix != ".del"]
        path = chance.choice([*sorted(files), self.folder / "dense.snapshot"])
        if kind != "nothing" and path.is_file():
            whole = bytearray(path.read_bytes())
            whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
            cut = whole[: chance.randrange(len(whole))]
            path.unlink()
            if kind != "lose":
                path.write_bytes(whole if kind == "flip" else cut)
        self.collection = Collection(self.folder, ENCODER)

    @rule(chosen=filters, word=st.sampled_from(WORDS))
    def search_filtered(self, chosen: tuple[dict[str, Any], Callable[[dict[str, Any]], bool]], word: str) -> None:
        stored = {id_: text for id_, (text, meta) in self.stored.items() if chosen[1](meta)}
        assert {d.id for d in self.collection.documents(chosen[0])} == stored.keys()
        self.check_searches(stored, word, chosen[0])

    @invariant()
    def holds_what_it_was_given(self) -> None:
        if not hasattr(self, "collection"):
            return
        with self.collection.reading() as reading:
            assert {d.id: (reading.document_text(d.id), d.meta) for d in reading.documents()} == self.stored
            assert reading.state().passages == len(self.stored)
        self.check_searches({id_: text for id_, (text, _) in self.stored.items()}, "every")
        # Asked after every step, so that what this filter keeps is followed along the log.
        few = {id_: text for id_, (text, meta) in self.stored.items() if (meta.get("n") or 9) < 2}
        self.check_searches(few, "every", {"field": "meta.n", "operator": "in", "value": [1]})

    def check_searches(self, stored: dict[str, str], word: str, where: dict[str, Any] | None = None) -> None:
        with self.collection.reading() as reading:
            sparse = reading.search_sparse(word, 99, where)
            dense = reading.search_dense(QUESTION, 99, where)
            passages = reading.passages([hit.number for hit in sparse + dense])
        assert sorted(passages[hit.number].document.id for hit in sparse) == sorted(
            id_ for id_, text in stored.items() if word in text.split()
        )
        found = {passages[hit.number].document.id: hit.score for hit in dense}
        expected = {id_: float(embedding(text) @ QUESTION) for id_, text in stored.items()}
        assert found.keys() == expected.keys()
        assert np.allclose([found[id_] for id_ in expected], list(expected.values()), atol=1e-5)
        assert list(found.values()) == sorted(found.values(), reverse=True)

    def teardown(self) -> None:
        if hasattr(self, "collection"):
            self.collection.close()
            gone = self.folder.parent.with_suffix(".gone")
            self.folder.parent.rename(gone)  # so that no watcher of a crashed opener puts a file into it meanwhile
            shutil.rmtree(gone)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.views, "SNAPSHOT_EVERY", 6)  # so that snapshots and compaction happen within a sequence


Sequences.TestCase.settings = settings(
    max_examples=int(os.environ.get("STORE_SEQUENCES", "60")),
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


TestSequences = Sequences.TestCase
