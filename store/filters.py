"""Haystack's filters, compiled to SQL.

The syntax and its meaning are Haystack's (`haystack.utils.filters.document_matches_filter`): comparisons
`{"field", "operator", "value"}` and logic `{"operator", "conditions"}`, nested at will. A missing field is None:
`==` and `in` match it only by None, `!=` and `not in` match it, the order operators never do. Strings can be ordered
only as ISO 8601 dates. Where Haystack raises on a document whose value has another type, that document does not match.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from store.errors import InvalidInput

Sql = tuple[str, list[Any]]  # a condition with `?` placeholders, and their values

_COLUMNS = {"id": "d.id", "title": "d.title", "source": "d.source", "content_hash": "d.content_hash"}
_ORDER = {">", ">=", "<", "<="}
_DEEPEST = 20


def compile_filter(filters: Mapping[str, Any] | None) -> Sql:
    """A condition on the row `d` of `documents`; without filters, one that always holds.

    Raises:
        InvalidInput: the filter has an unknown operator, misses a key, or compares what cannot be ordered.
    """
    return _compile(filters, 0) if filters else ("1", [])


def instant(value: Any) -> float | None:
    """Seconds since 1970 of an ISO 8601 date (UTC where it names no zone); None for anything else. Also an SQL function."""
    if not isinstance(value, str) or len(value) < 10 or not value[:4].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


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
    if not isinstance(conditions, Sequence) or isinstance(conditions, str) or not conditions:
        raise InvalidInput(f"filter operator {operator} needs 'conditions', a list of at least one filter")
    parts = [_compile(condition, depth + 1) for condition in conditions]
    joined = (" OR " if operator == "OR" else " AND ").join(sql for sql, _ in parts)
    return f"{'NOT ' if operator == 'NOT' else ''}({joined})", [value for _, values in parts for value in values]


def _comparison(node: Mapping[str, Any]) -> Sql:
    if "value" not in node:
        raise InvalidInput(f"filter {dict(node)!r} lacks 'value'")
    field, path = _field(node["field"])
    operator, value = node["operator"], node["value"]
    if isinstance(value, datetime):
        value = value.isoformat()
    if operator in ("==", "!="):
        sql, values = _equal(field, path, value)
    elif operator in ("in", "not in"):
        if not isinstance(value, list | tuple | set | frozenset):
            raise InvalidInput(f"filter operator {operator!r} needs a list as its value, not {value!r}")
        parts = [_equal(field, path, v) for v in value]
        sql = " OR ".join(s for s, _ in parts) or "0"
        values = [v for _, vs in parts for v in vs]
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
    keys = name.removeprefix("meta.").split(".")
    if any('"' in key or not key for key in keys):
        raise InvalidInput(f"filter field {name!r} must be keys joined by dots, without quotes")
    return "json_extract(d.meta, ?)", ["$" + "".join(f'."{key}"' for key in keys)]


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
