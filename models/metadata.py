"""What documents' metadata hold: kinds, extremes and different values of a field."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

Metas = Iterable[Mapping[str, Any]]

_KINDS: dict[type, str] = {bool: "boolean", int: "int", float: "float"}


def kinds(metas: Metas) -> dict[str, str]:
    """The type of each field, of its last value that is not null: "boolean", "int", "float" or "keyword"."""
    return {
        name: _KINDS.get(type(value), "keyword") for meta in metas for name, value in meta.items() if value is not None
    }


def extremes(metas: Metas, name: str) -> tuple[Any, Any]:
    """Least and greatest value of a field; None twice where it has none, or numbers beside strings."""
    values = [value for meta in metas if isinstance(value := meta.get(name), int | float | str)]
    try:
        return min(values, default=None), max(values, default=None)
    except TypeError:
        return None, None


def distinct(metas: Metas, name: str) -> list[Any]:
    """Different values of a field that are not null, sorted as text; 1, 1.0, "1" and true are four."""
    values = {json.dumps(meta[name], sort_keys=True): meta[name] for meta in metas if meta.get(name) is not None}
    return [values[key] for key in sorted(values, key=lambda key: (str(values[key]), key))]
