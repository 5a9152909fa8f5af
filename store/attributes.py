"""Metadata as filters see them: for each field of a document, rows that an index finds by value.

The table `attributes` follows the documents by triggers (`store.schema`), which call `attributes_of`. A change of what
it returns must come with a migration that fills the table anew: rows are deleted by what it says of the old metadata.
"""

import hashlib
import json
import math
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["number", "text", "time", "other"]

_MOST = sys.float_info.max
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?")
LONGEST = 64  # characters; what is longer is known by its hash, so that an abstract in the metadata costs little


def attributes_of(meta: str) -> str:
    """Rows (field, kind, value) of a document's metadata, both as JSON. Used in SQL.

    A field is the keys on the way to it, joined by dots. Booleans are numbers; a text that is an ISO 8601 date is an
    instant, too; of a list or an object it is only said that there is one; null is as good as missing.
    """
    return json.dumps(list(_rows(json.loads(meta), "")))


def instant(value: Any) -> float | None:
    """Seconds since 1970 of an ISO 8601 date, UTC where it names no zone; None for anything else. Also in SQL."""
    if not isinstance(value, str) or len(value) < 10 or not value[:4].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def dated(value: Any) -> float | None:
    """What a text is equal by, beside its letters: the instant of a date written as 2024-01-15, alone or with a time
    after 'T' or a space. Also in SQL.

    Of other texts that `instant` can order, many are none: "20240115001" and "20240115101" are two invoices, and
    would both be one o'clock on that day.
    """
    return instant(value) if isinstance(value, str) and _DATE.fullmatch(value) else None


def whole(value: int) -> float:
    """A whole number as SQLite holds it: in floating point beyond 64 bits, where it is infinite beyond that."""
    if -(2**63) <= value < 2**63:
        return value
    return float(value) if abs(value) < 2**1023 else math.inf if value > 0 else -math.inf


def text_key(text: str) -> str:
    """What a text is found by."""
    return text if len(text) <= LONGEST else "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _rows(meta: dict[str, Any], above: str) -> Iterator[tuple[str, Kind, Any]]:
    for key, value in meta.items():
        if "." in key:  # no filter can name it
            continue
        field = above + key
        match value:
            case dict():
                yield field, "other", ""
                yield from _rows(value, f"{field}.")
            case list():
                yield field, "other", ""
            case str():
                yield field, "text", text_key(value)
                if (moment := instant(value)) is not None:
                    yield field, "time", moment
            case bool() | int() | float():
                yield field, "number", min(max(whole(value), -_MOST), _MOST) if isinstance(value, int) else value
