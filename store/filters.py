"""Haystack's filters, compiled to SQL.

The syntax and its meaning are Haystack's (`haystack.utils.filters.document_matches_filter`): comparisons
`{"field", "operator", "value"}` and logic `{"operator", "conditions"}`, nested at will. A missing field is None:
`==` and `in` match it only by None, `!=` and `not in` match it, the order operators never do. Strings can be ordered
only as ISO 8601 dates. Where Haystack raises on a document whose value has another type, that document does not match.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from store.errors import InvalidInput

Sql = tuple[str, list[Any]]  # a condition with `?` placeholders, and their values

_COLUMNS = {"id": "d.id", "title": "d.title", "source": "d.source", "content_hash": "d.content_hash"}
_ORDER = {">", ">=", "<", "<="}
_DEEPEST = 20
_MOST = 500  # SQLite takes conditions of a depth of 1000


def compile_filter(filters: Mapping[str, Any] | None) -> Sql:
    """A condition on the row `d` of `documents`; without filters, one that always holds.

    Raises:
        InvalidInput: the filter has an unknown operator, misses a key, or compares what cannot be ordered.
    """
    if not filters:
        return "1", []
    if (count := _count(filters)) > _MOST:
        raise InvalidInput(f"the filter has {count} conditions; {_MOST} are the most ('in' takes a list of any length)")
    return _compile(filters, 0)


def instant(value: Any) -> float | None:
    """Seconds since 1970 of an ISO 8601 date, UTC where it names no zone; None for anything else. Also in SQL."""
    if not isinstance(value, str) or len(value) < 10 or not value[:4].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _count(filters: Any) -> int:
    count, waiting = 0, [filters]
    while waiting:
        node = waiting.pop()
        count += 1
        if isinstance(node, Mapping) and isinstance(node.get("conditions"), list | tuple):
            waiting.extend(node["conditions"])
    return count


def _compile(node: Any, depth: int) -> Sql:
    if not isinstance(node, Mapping) or "operator" not in node:
        raise InvalidInput(
            f"filter {node!r} must be an object with 'operator', and 'field' and 'value' or 'conditions'"
        )
    if depth > _DEEPEST:
        raise InvalidInput(f"filters are nested deeper than {_DEEPEST} levels")
    if "field" in node:
        return _comparison(node)
    operator, conditions = node["operator"], node.get("conditions")
    if operator not in ("AND", "OR", "NOT"):
        raise InvalidInput(f"filter operator {operator!r} is not AND, OR or NOT (comparisons need 'field' and 'value')")
    if not isinstance(conditions, list | tuple) or not conditions:
        raise InvalidInput(f"filter operator {operator} needs 'conditions', a list of at least one filter")
    parts = [_compile(condition, depth + 1) for condition in conditions]
    joined = (" OR " if operator == "OR" else " AND ").join(sql for sql, _ in parts)
    return f"{'NOT ' if operator == 'NOT' else ''}({joined})", [value for _, values in parts for value in values]


def _comparison(node: Mapping[str, Any]) -> Sql:
    if "value" not in node:
        raise InvalidInput(f"filter {dict(node)!r} lacks 'value'")
    field, path = _field(node["field"])
    operator, value = node["operator"], _plain(node["value"])
    if operator in ("==", "!="):
        sql, values = _equal(field, path, value)
    elif operator in ("in", "not in"):
        if not isinstance(value, list):
            raise InvalidInput(f"filter operator {operator!r} needs a list as its value, not {value!r}")
        sql, values = _among(field, path, value)
    elif operator in _ORDER:
        return _ordered(field, path, operator, value)
    else:
        raise InvalidInput(f"filter operator {operator!r} is not one of ==, !=, >, >=, <, <=, in, not in")
    return (f"NOT ({sql})" if operator in ("!=", "not in") else f"({sql})"), values


def _field(name: Any) -> tuple[str, list[Any]]:
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"filter field {name!r} must be a name such as 'meta.year' or 'source'")
    if name in _COLUMNS:
        return _COLUMNS[name], []
    keys = str(_plain(name)).removeprefix("meta.").split(".")
    if any('"' in key or not key for key in keys):
        raise InvalidInput(f"filter field {name!r} must be keys joined by dots, without quotes")
    return "json_extract(d.meta, ?)", ["$" + "".join(f'."{key}"' for key in keys)]


def _plain(value: Any) -> Any:
    """A value that SQLite can hold: dates as text, whole numbers beyond 64 bits in floating point, as it keeps them."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        value = float(value) if abs(value) < 2**1023 else math.inf
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"filter value {value!r} must be a finite number")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidInput(f"filter value {value!r} holds half of a surrogate pair, which is no character")
    return value


def _among(field: str, path: list[Any], values: list[Any]) -> Sql:
    """Equal to one of the values. Lists travel as JSON, since SQLite bounds the depth of a condition."""
    plain = [_plain(value) for value in values]
    parts = [_equal(field, path, None)] if None in plain else []
    numbers = [value for value in plain if isinstance(value, int | float)]
    strings = [value for value in plain if isinstance(value, str)]
    if len(numbers) + len(strings) + plain.count(None) < len(plain):
        raise InvalidInput(f"filter value {values!r} must hold strings, numbers, booleans, dates or nulls")
    for types, some in (("'integer', 'real'", numbers), ("'text'", strings)):
        if some:
            listed = f"(typeof({field}) IN ({types}) AND {field} IN (SELECT value FROM json_each(?)))"
            parts.append((listed, [*path, *path, json.dumps(some)]))
    dates = [moment for value in strings if (moment := instant(value)) is not None]
    if dates:
        listed = f"COALESCE(instant({field}) IN (SELECT value FROM json_each(?)), 0)"
        parts.append((listed, [*path, json.dumps(dates)]))
    return " OR ".join(sql for sql, _ in parts) or "0", [bound for _, bounds in parts for bound in bounds]


def _equal(field: str, path: list[Any], value: Any) -> Sql:
    if value is None:
        return f"{field} IS NULL", path
    if isinstance(value, bool | int | float):
        return f"(typeof({field}) IN ('integer', 'real') AND {field} = ?)", [*path, *path, value]
    if not isinstance(value, str):
        raise InvalidInput(f"filter value {value!r} must be a string, a number, a boolean, a date or null")
    if instant(value) is None:
        return f"({field} IS ?)", [*path, value]
    return f"({field} IS ? OR instant({field}) IS instant(?))", [*path, value, *path, value]


def _ordered(field: str, path: list[Any], operator: str, value: Any) -> Sql:
    if value is None:
        return "0", []
    if isinstance(value, bool | int | float):
        return f"(typeof({field}) IN ('integer', 'real') AND {field} {operator} ?)", [*path, *path, value]
    if isinstance(value, str) and instant(value) is not None:
        return f"COALESCE(instant({field}) {operator} instant(?), 0)", [*path, value]
    raise InvalidInput(f"filter value {value!r} cannot be ordered by {operator}; give a number or an ISO 8601 date")
