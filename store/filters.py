"""Haystack's filters, compiled to SQL.

The syntax and its meaning are Haystack's (`haystack.utils.filters.document_matches_filter`): comparisons
`{"field", "operator", "value"}` and logic `{"operator", "conditions"}`, nested at will. A missing field is None:
`==` and `in` match it only by None, `!=` and `not in` match it, the order operators never do. Strings can be ordered
only as ISO 8601 dates; `==` and `in` take them for dates only where they are written with hyphens. Where Haystack
raises on a document whose value has another type, that document does not match.
"""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from store.attributes import Kind, dated, instant, text_key, whole
from store.errors import InvalidInput

Sql = tuple[str, list[Any]]  # a condition with `?` placeholders, and their values

_META = "meta."
_COLUMNS = ("id", "title", "source", "content_hash")
_ORDER = (">", ">=", "<", "<=")  # no set: what is looked for in it may be unhashable
_DEEPEST = 20
_MOST = 500  # SQLite takes conditions of a depth of 1000


def compile_filter(filters: Mapping[str, Any] | None, number: str = "d.number") -> Sql:
    """A condition on `number`, a document's, such as a column that names one; without filters, one that always holds.

    Every comparison asks an index for the numbers that it matches, so that few of very many are found at once.

    Raises:
        InvalidInput: the filter has an unknown operator, misses a key, or compares what cannot be ordered.
    """
    if not filters:
        return "1", []
    if (count := _count(filters)) > _MOST:
        raise InvalidInput(f"the filter has {count} conditions; {_MOST} are the most ('in' takes a list of any length)")
    return _compile(filters, number, 0)


def _count(filters: Any) -> int:
    count, waiting = 0, [filters]
    while waiting:
        node = waiting.pop()
        count += 1
        if isinstance(node, Mapping) and isinstance(node.get("conditions"), list | tuple):
            waiting.extend(node["conditions"])
    return count


def _compile(node: Any, number: str, depth: int) -> Sql:
    if not isinstance(node, Mapping) or "operator" not in node:
        raise InvalidInput(
            f"filter {node!r} must be an object with 'operator', and 'field' and 'value' or 'conditions'"
        )
    if depth > _DEEPEST:
        raise InvalidInput(f"filters are nested deeper than {_DEEPEST} levels")
    if "field" in node:
        return _comparison(node, number)
    operator, conditions = node["operator"], node.get("conditions")
    if operator not in ("AND", "OR", "NOT"):
        raise InvalidInput(f"filter operator {operator!r} is not AND, OR or NOT (comparisons need 'field' and 'value')")
    if not isinstance(conditions, list | tuple) or not conditions:
        raise InvalidInput(f"filter operator {operator} needs 'conditions', a list of at least one filter")
    sql, values = _joined(" OR " if operator == "OR" else " AND ", [_compile(c, number, depth + 1) for c in conditions])
    return f"{'NOT ' if operator == 'NOT' else ''}({sql})", values


def _comparison(node: Mapping[str, Any], number: str) -> Sql:
    if "value" not in node:
        raise InvalidInput(f"filter {dict(node)!r} lacks 'value'")
    field, operator, value = _field(node["field"]), node["operator"], _plain(node["value"])
    if operator in ("==", "!="):
        sql, values = _equal(number, field, value)
    elif operator in ("in", "not in"):
        if not isinstance(value, list):
            raise InvalidInput(f"filter operator {operator!r} needs a list as its value, not {value!r}")
        sql, values = _among(number, field, value)
    elif operator in _ORDER:
        return _ordered(number, field, operator, value)
    else:
        raise InvalidInput(f"filter operator {operator!r} is not one of ==, !=, >, >=, <, <=, in, not in")
    return (f"NOT ({sql})" if operator in ("!=", "not in") else f"({sql})"), values


def _field(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"filter field {name!r} must be a name such as 'meta.year' or 'source'")
    if name in _COLUMNS:
        return name
    path = str(_plain(name)).removeprefix(_META)
    if '"' in path or not all(path.split(".")):
        raise InvalidInput(f"filter field {name!r} must be keys joined by dots, without quotes")
    return _META + path


def _plain(value: Any) -> Any:
    """A value that SQLite can hold: dates as text, whole numbers beyond 64 bits in floating point, as it keeps them."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int):
        value = whole(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"filter value {value!r} must be a finite number")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidInput(f"filter value {value!r} holds half of a surrogate pair, which is no character")
    return value


def _equal(number: str, field: str, value: Any) -> Sql:
    if value is not None and not isinstance(value, bool | int | float | str):
        raise InvalidInput(f"filter value {value!r} must be a string, a number, a boolean, a date or null")
    return _among(number, field, [value])


def _among(number: str, field: str, values: list[Any]) -> Sql:
    """Equal to one of the values. They travel as JSON, since SQLite bounds the depth of a condition."""
    plain = [_plain(value) for value in values]
    numbers = [value for value in plain if isinstance(value, int | float)]
    strings = [value for value in plain if isinstance(value, str)]
    if len(numbers) + len(strings) + plain.count(None) < len(plain):
        raise InvalidInput(f"filter value {values!r} must hold strings, numbers, booleans, dates or nulls")
    texts = [text_key(value) for value in strings] if field.startswith(_META) else strings
    instants = [moment for value in strings if (moment := dated(value)) is not None]
    listed: tuple[tuple[Kind, list[Any]], ...] = (("number", numbers), ("text", texts), ("time", instants))
    parts = [
        _matching(number, field, kind, "IN (SELECT value FROM json_each(?))", json.dumps(some))
        for kind, some in listed
        if some
    ]
    if None in plain:
        parts.append(_missing(number, field))
    return _joined(" OR ", parts) if parts else ("0", [])


def _ordered(number: str, field: str, operator: str, value: Any) -> Sql:
    if value is None:
        return "0", []
    if isinstance(value, bool | int | float):
        return _matching(number, field, "number", f"{operator} ?", value)
    if (moment := instant(value)) is not None:
        return _matching(number, field, "time", f"{operator} ?", moment, "instant")
    raise InvalidInput(f"filter value {value!r} cannot be ordered by {operator}; give a number or an ISO 8601 date")


def _matching(number: str, field: str, kind: Kind, test: str, value: Any, time: str = "dated") -> Sql:
    """Of the documents, those with such a value in a field."""
    if not field.startswith(_META):
        column = {"text": field, "time": f"{time}({field})"}.get(kind, "NULL")  # columns hold text alone
        return f"{number} IN (SELECT number FROM documents WHERE {column} {test})", [value]
    query = f"SELECT document FROM attributes WHERE field = ? AND kind = '{kind}' AND value {test}"
    return f"{number} IN ({query})", [field.removeprefix(_META), value]


def _missing(number: str, field: str) -> Sql:
    if not field.startswith(_META):
        return "0", []
    return f"{number} NOT IN (SELECT document FROM attributes WHERE field = ?)", [field.removeprefix(_META)]


def _joined(by: str, parts: list[Sql]) -> Sql:
    return by.join(sql for sql, _ in parts), [value for _, values in parts for value in values]
