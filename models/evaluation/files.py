"""Lines of data files, plain or gzipped, with the file and the line named in every error."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store.errors import InvalidInput, NotFound

LONGEST_CELL = 2**27  # characters; csv's own limit, 128 KiB, is little for a document


@dataclass(frozen=True)
class Record:
    """What one line of a file holds, by key or column, and where it stands."""

    where: str  # "FILE, line N"
    values: Mapping[str, Any]

    def text(self, key: str, default: str | None = None) -> str:
        """The string under a key, without white space around it.

        Raises:
            InvalidInput: there is none (and no `default`), or it is not a string.
        """
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise InvalidInput(f"{self.where}: {key!r} is {value!r}; it has to be a string")
        return value.strip()

    def filled(self, key: str) -> str:
        """`text` that is not empty."""
        text = self.text(key)
        if not text:
            raise InvalidInput(f"{self.where}: {key!r} is empty; give it a text, or leave the line out")
        return text

    def id(self, *keys: str, default: str) -> str:
        """A string or a whole number under the first of the keys that is there, as a string; else the default."""
        return as_id(self, next((self.values[key] for key in keys if key in self.values), default))


def as_id(record: Record, value: object) -> str:
    """A string or a whole number that a record has for an id, as a string.

    Raises:
        InvalidInput: it is something else, or empty.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise InvalidInput(f"{record.where}: the id is {value!r}; it has to be a string or a whole number")
    return str(value)


def find(folder: Path, name: str) -> Path:
    """The file of that name in a folder, or the gzipped one.

    Raises:
        NotFound: there is neither.
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise NotFound(f"{folder} has neither {name} nor {name}.gz")


def read_jsonl(path: Path) -> Iterator[Record]:
    """The JSON object on each line that is not empty.

    Raises:
        NotFound: there is no such file.
        InvalidInput: the file is not UTF-8 or not whole, or a line is not a JSON object.
    """
    for number, line in _lines(path):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            value = json.loads(line)
            if "\\ud" in line.lower():
                json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no character
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{where}: not JSON ({error}); put one object on each line") from error
        if not isinstance(value, dict):
            raise InvalidInput(f"{where}: not a JSON object but {line.strip()[:40]!r}; put one object on each line")
        yield Record(where, value)


def read_lines(path: Path) -> Iterator[str]:
    """The lines that are not empty, without white space around them; errors as of `read_jsonl`."""
    return (line.strip() for _, line in _lines(path) if line.strip())


class TabSeparated(csv.excel_tab):
    """Without quotes: a mark in a cell is a mark."""

    quoting = csv.QUOTE_NONE
    strict = True


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[Record]:
    """The rows of a CSV or TSV file whose header names at least these columns; errors as of `read_jsonl`."""
    csv.field_size_limit(LONGEST_CELL)  # of the whole process
    lines = (line for _, line in _lines(path))
    rows = (
        csv.reader(lines, TabSeparated)
        if path.name.removesuffix(".gz").endswith(".tsv")
        else csv.reader(lines, strict=True)
    )
    try:
        header = [name.strip() for name in next(rows, [])]
        missing = [name for name in columns if name not in header]
        if missing:
            raise InvalidInput(
                f"{path}, line 1: no column {', '.join(map(repr, missing))} in the header {header}; it has to name "
                f"{', '.join(columns)}"
            )
        for row in rows:
            if row and len(row) != len(header):
                raise InvalidInput(f"{path}, line {rows.line_num}: {len(row)} cells where the header has {len(header)}")
            if row:
                yield Record(f"{path}, line {rows.line_num}", dict(zip(header, row, strict=True)))
    except csv.Error as error:
        raise InvalidInput(f"{path}, line {rows.line_num}: not CSV ({error}); mend its quotes") from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        raise NotFound(f"no file {path}")
    number = 0
    try:
        # In bytes, so that only "\n" ends a line: other ends, such as U+2028, may stand in a text.
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}, line {number}: not UTF-8 ({error}); convert the file") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"{path}, after line {number}: cannot be read ({error}); get the file again") from error
