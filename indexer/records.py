"""CSV and JSON Lines: a document a row or line, with its metadata beside its text."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

from indexer.converted import Converted
from indexer.decode import MAX_BYTES, read_lines, read_text, stem
from store.errors import InvalidInput

TEXT_NAMES = ("text", "content")  # the first that is there
RESERVED = frozenset({*TEXT_NAMES, "title", "id"})
DELIMITERS = ",;\t|"
INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")  # within SQLite's 64 bits; "007" is a name, not a number
DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,8})\.\d{1,6}")
LINE_KEY = re.compile(r"(?:line )*\d+")  # what a row without an id may take for its key

Record = tuple[int, dict[str, Any]]  # the number of a line, and what it holds by name


def convert_csv(path: Path) -> Iterator[Converted]:
    """A document a row, from the columns `text` (or `content`), `title` and `id`; the other columns are metadata, and
    so is the id.

    A column in which every value is a number becomes numbers. A row without an id takes its line's number for a key;
    "line 7" where another row has the id 7.

    Raises:
        InvalidInput: there is no column for the text, two columns have one name, two rows have one id, or a row is
            longer than the header.
    """
    names, rows = _table(path)
    if any(names) and not any(name in names for name in TEXT_NAMES):
        raise InvalidInput(f"{path}: no column 'text' or 'content' among {', '.join(names)}; rename the text's column")
    if twice := sorted(name for name, count in Counter(filter(None, names)).items() if count > 1):
        raise InvalidInput(f"{path}: more than one column is named {', '.join(twice)}; give each a name of its own")
    readers = {
        name: _number_reader([cells[i] for _, cells in rows if i < len(cells)])
        for i, name in enumerate(names)
        if name not in RESERVED
    }

    def record(cells: list[str]) -> dict[str, Any]:
        filled = {name: readers.get(name, str)(cell) for name, cell in zip(names, cells, strict=False) if cell}
        meta = {name: value for name, value in filled.items() if name not in RESERVED}
        return {name: value for name, value in filled.items() if name in RESERVED} | {"meta": meta}

    return _documents(path, lambda: ((line, record(cells)) for line, cells in rows))


def convert_jsonl(path: Path) -> Iterator[Converted]:
    """A document a line, from the keys `text` (or `content`), `title` and `id`.

    Metadata is the id, the object's other keys, and over them what the object `meta` holds; null is left out.
    A line without an id takes its number for a key; "line 7" where another has the id 7.

    Raises:
        InvalidInput: a line is not a JSON object with a text, or two lines have one id.
    """
    return _documents(path, lambda: _objects(path))


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header's names, and the rows with the numbers of their lines."""
    source = read_text(path)
    header = source.partition("\n")[0]
    csv.field_size_limit(MAX_BYTES)  # for the whole process; but the 128 KiB it starts with are few for a document
    reader = csv.reader(StringIO(source, newline=""), delimiter=max(DELIMITERS, key=header.count), strict=True)
    try:
        names = [_name(cell) for cell in next(reader, [])]
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise InvalidInput(f"{path}: line {reader.line_num} is not CSV ({error}); mend its quotes") from error
    for line, row in rows:
        if len(row) > len(names):
            raise InvalidInput(
                f"{path}: line {line} has {len(row)} cells but the header {len(names)}; put quotes around cells that "
                "hold the delimiter"
            )
    return names, rows


def _name(cell: str) -> str:
    return cell.strip().lower() if cell.strip().lower() in RESERVED else cell.strip()


def _number_reader(cells: list[str]) -> Callable[[str], str | int | float]:
    """What turns every cell of a column into a number without loss, else into itself. Empty cells do not count."""
    filled = [cell for cell in cells if cell]
    if all(INTEGER.fullmatch(cell) for cell in filled):
        return int
    if all(INTEGER.fullmatch(cell) or DECIMAL.fullmatch(cell) for cell in filled):
        return float
    return str


def _objects(path: Path) -> Iterator[Record]:
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            yield number, _object(path, number, line)


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path}: line {number} is not JSON ({error}); put one object on each line") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{path}: line {number} is not a JSON object but {line[:40]!r}; put one object on each line")
    if not any(name in value for name in TEXT_NAMES):
        raise InvalidInput(f"{path}: line {number}: no 'text' or 'content' among its keys; name the text so")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number that JSON knows")


def _documents(path: Path, read: Callable[[], Iterable[Record]]) -> Iterator[Converted]:
    lines: dict[str, int] = {}  # of the ids so far
    taken: set[str] | None = None
    for line, record in read():
        document = _document(path, line, record)
        if document.key in lines:
            raise InvalidInput(
                f"{path}: line {line} has the id '{document.key}' of line {lines[document.key]}; give each its own"
            )
        if document.key:
            lines[document.key] = line
            yield document
        else:
            # Most files have ids or have none. Only where some are missing is everything read twice: the rows to come,
            # too, keep their ids, and a document's key is the same at every run.
            taken = _ids_like_lines(read()) if taken is None else taken
            yield replace(document, key=_line_key(line, taken))


def _ids_like_lines(records: Iterable[Record]) -> set[str]:
    """The ids that the key of a row without one could be."""
    ids = set()
    with suppress(InvalidInput):  # of a row that cannot be read: the documents, too, end with it
        for _, record in records:
            if LINE_KEY.fullmatch(id_ := str(record.get("id", ""))):
                ids.add(id_)
    return ids


def _line_key(line: int, taken: set[str]) -> str:
    key = str(line)
    while key in taken:
        key = f"line {key}"
    return key


def _document(path: Path, line: int, record: dict[str, Any]) -> Converted:
    """A row's document; its key is "" where it has no id."""
    source = next((name for name in TEXT_NAMES if name in record), TEXT_NAMES[0])
    fields = {source: "", "title": None, "id": "", "meta": {}} | record
    for name, types, wanted in (
        (source, str, "a string"),
        ("title", str | None, "a string"),
        ("id", str | int, "a string or an integer"),
        ("meta", dict, "an object"),
    ):
        if not isinstance(fields[name], types):
            raise InvalidInput(f"{path}: line {line}: '{name}' is {fields[name]!r:.40}, not {wanted}")
    text, title, key, meta = (fields.pop(name) for name in (source, "title", "id", "meta"))
    meta = {"id": key, **fields, **meta} if key != "" else {**fields, **meta}
    held = {name: value for name, value in meta.items() if value is not None}
    return Converted(text=text, title=title or stem(path), meta=held, key=str(key))
