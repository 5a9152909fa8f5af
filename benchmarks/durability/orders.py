"""What a writer is told to do, what its collection holds afterwards, and whether it does."""

import random
import sqlite3
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from store.collection import Collection
from store.reading import Reading
from store.records import Embedding, NewDocument, NewPassage
from store.views import EncoderIdentity

ENCODER = EncoderIdentity("d" * 64, 16)
EVERYTHING = 10_000  # more passages than any of these collections holds
IDS = 80
GROUPS = 8

Order = dict[str, Any]
State = dict[str, list[int]]  # of each document by its id: version, group, mark


def draw(chance: random.Random, number: int) -> Order:
    """A write, deletion or update at random; its number, which no other has, is the version of what it writes."""
    kind = chance.choices(("write", "delete", "delete_matching", "update_meta"), (8, 2, 1, 2))[0]
    ids = [f"d{i}" for i in chance.sample(range(IDS), chance.randint(1, 6))]
    return {"kind": kind, "number": number, "ids": ids, "group": chance.randrange(GROUPS)}


def after(state: State, order: Order) -> State:
    """What is stored once an order has been obeyed."""
    number, ids, group = order["number"], order["ids"], order["group"]
    match order["kind"]:
        case "write":
            return state | {id_: [number, (number + place) % GROUPS, 0] for place, id_ in enumerate(ids)}
        case "delete":
            return {id_: one for id_, one in state.items() if id_ not in ids}
        case "delete_matching":
            return {id_: one for id_, one in state.items() if one[1] != group}
        case _:
            return {id_: [one[0], one[1], number] if one[1] == group else one for id_, one in state.items()}


def obey(collection: Collection, order: Order) -> None:
    """Do what `after` says. Raises as the collection does."""
    of_group = {"field": "meta.group", "operator": "==", "value": order["group"]}
    match order["kind"]:
        case "write":
            written = after({}, order)
            collection.write([made(id_, *written[id_]) for id_ in order["ids"]])
        case "delete":
            collection.delete(order["ids"])
        case "delete_matching":
            collection.delete_matching(of_group)
        case _:
            collection.update_meta(of_group, {"mark": order["number"]})


def made(id_: str, version: int, group: int, mark: int) -> NewDocument:
    """A document of one to three passages, each with a word that no other version of any document has."""
    parts = parts_of(id_, version)
    starts = [sum(map(len, parts[:place])) for place in range(len(parts))]
    passages = tuple(
        NewPassage(start, start + len(part), embedding(part)) for start, part in zip(starts, parts, strict=True)
    )
    return NewDocument(
        id_, "".join(parts), passages, title=id_, meta={"version": version, "group": group, "mark": mark}
    )


def parts_of(id_: str, version: int) -> list[str]:
    """The texts of a document's passages."""
    padding = " and so on" * (version % 13)
    return [f"Every part {place} says {id_}v{version}{padding}. " for place in range(1 + version % 3)]


def embedding(text: str) -> Embedding:
    """A vector that only equal texts share."""
    vector = np.random.default_rng(zlib.crc32(text.encode())).normal(size=ENCODER.dimension)
    return vector.astype(np.float32)


def stored(reading: Reading) -> State:
    """What a collection says that it holds."""
    return {d.id: [d.meta["version"], d.meta["group"], d.meta["mark"]] for d in reading.documents()}


def check(collection: Collection) -> tuple[State, list[str]]:
    """What is stored, and where texts, dense or sparse search disagree with it: nowhere, if all is well."""
    with collection.reading() as reading:
        state = stored(reading)
        wrong = [*_damage(collection), *_strangers(reading, state)]
        for id_, (version, _, _) in state.items():
            wrong += _document(reading, id_, version)
    return state, wrong


def _damage(collection: Collection) -> list[str]:
    connection = sqlite3.connect(collection.folder / "lector.db")
    try:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()
    return [] if found == "ok" else [f"the database is damaged: {found}"]


def _strangers(reading: Reading, state: State) -> list[str]:
    """Passages that a search for everything finds though they are not there, or does not find though they are."""
    expected = sorted(f"{id_}:{i}" for id_, one in state.items() for i in range(len(parts_of(id_, one[0]))))
    numbers = {
        "dense": [hit.number for hit in reading.search_dense(embedding("anything"), EVERYTHING)],
        "sparse": [hit.number for hit in reading.search_sparse("every", EVERYTHING)],
    }
    return [
        f"{view} search for everything finds {len(some)} passages of {len(expected)}, and not the same"
        for view, some in numbers.items()
        if _ids(reading, some) != expected
    ]


def _document(reading: Reading, id_: str, version: int) -> list[str]:
    wrong = []
    parts = parts_of(id_, version)
    if reading.document_text(id_) != "".join(parts):
        wrong.append(f"{id_} at version {version} has another text")
    for place, part in enumerate(parts):
        hits = reading.search_dense(embedding(part), 1)
        if _ids(reading, [hit.number for hit in hits]) != [f"{id_}:{place}"] or hits[0].score < 0.999:
            wrong.append(f"dense search does not find {id_}:{place} at version {version}")
    hits = reading.search_sparse(f"{id_}v{version}", EVERYTHING)
    if _ids(reading, [hit.number for hit in hits]) != [f"{id_}:{place}" for place in range(len(parts))]:
        wrong.append(f"sparse search does not find {id_} at version {version}")
    return wrong


def _ids(reading: Reading, numbers: Sequence[int]) -> list[str]:
    """Ids of passages, sorted; a number that is not there is a complaint by itself."""
    found = reading.passages(numbers)
    return sorted(found[number].id if number in found else f"number {number}, which is not there" for number in numbers)
