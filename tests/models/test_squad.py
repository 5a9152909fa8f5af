"""SQuAD files: versions 1.1 and 2.0, gzipped or not, and files that are none."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from models.evaluation.squad import Question, read_squad
from store.errors import InvalidInput, NotFound

CONTEXT = "Der Turm 🗼 steht in der Straße."


def squad(*qas: Any, context: Any = CONTEXT) -> dict[str, Any]:
    return {"version": "v2.0", "data": [{"title": "Türme", "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def qa(start: Any, text: Any) -> dict[str, Any]:
    return {"id": "q", "question": "Wo?", "answers": [{"text": text, "answer_start": start}]}


def write(folder: Path, data: Any) -> Path:
    path = folder / "set.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def test_questions_are_read_in_order_with_offsets_in_code_points(tmp_path: Path) -> None:
    start = CONTEXT.index("Straße")
    impossible = {"id": 7, "question": "Wer?", "answers": [], "is_impossible": True}
    plausible = {**impossible, "id": "p", "answers": [{"text": "Turm", "answer_start": 4}]}
    data = squad(qa(start, "Straße"), impossible, plausible)
    expected = [
        Question("q", "Wo?", "Türme", CONTEXT, ((start, "Straße"),)),
        Question("7", "Wer?", "Türme", CONTEXT, ()),
        Question("p", "Wer?", "Türme", CONTEXT, ()),
    ]
    assert read_squad(write(tmp_path, data)) == expected
    zipped = tmp_path / "set.json.gz"
    zipped.write_bytes(gzip.compress(json.dumps(data).encode()))
    assert read_squad(zipped) == expected


BAD: list[Any] = [
    "",
    "no JSON",
    "[]",
    "5",
    {"data": 5},
    {"data": []},
    "[" * 100_000,
    {"data": ["x"]},
    {"data": [{"title": "x"}]},
    squad("x"),
    squad(["x"]),
    squad({"id": "q", "answers": []}),
    squad({"id": "q", "question": "Wo?"}),
    squad({"question": "Wo?", "answers": []}),
    squad(qa("4", "Turm")),
    squad(qa(4, None)),
    squad(qa(4, 5)),
    squad(qa(4, "")),
    squad({"id": "q", "question": None, "answers": []}),
    squad({"id": "q", "question": "W\ud83do?", "answers": []}),
    squad(qa(4, "Turm"), context=None),
    squad(qa(3, "Turm")),
    squad(qa(400, "Turm")),
    squad(qa(-len(CONTEXT) + 4, "Turm")),
    squad(qa(CONTEXT.index("Straße") + 1, "Straße")),
]


@pytest.mark.parametrize("data", BAD, ids=lambda data: json.dumps(data)[-40:])
def test_what_is_no_squad_file_is_refused_by_name(tmp_path: Path, data: Any) -> None:
    with pytest.raises(InvalidInput, match=r"set\.json"):
        read_squad(write(tmp_path, data))


def test_a_bad_gzip_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps(squad(qa(4, "Turm"))).encode())
    flipped = bytearray(whole)
    flipped[15] ^= 0xFF
    flipped[20] ^= 0xFF
    for content in (b"", b"x", whole[:30], bytes(flipped), json.dumps(squad()).encode(), b"\xff\xfe"):
        path = tmp_path / "set.json.gz"
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="is not a SQuAD file"):
            read_squad(path)
    plain = tmp_path / "set.json"
    plain.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput):
        read_squad(plain)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(NotFound, match="no file"):
            read_squad(path)
