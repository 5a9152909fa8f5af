"""Settings: from LECTOR_ variables, with every mistake named."""

import os
from pathlib import Path

import pytest

from models.settings import PREFIX, Settings
from store.errors import InvalidInput


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)


def test_defaults_hold_where_nothing_is_set() -> None:
    settings = Settings.load()
    assert (settings.data, settings.reader, settings.retriever, settings.top_k) == (Path("data"), "base", "hybrid", 3)
    assert settings.min_confidence is None


def test_variables_are_read_and_overrides_come_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTOR_TOP_K", "7")
    monkeypatch.setenv("LECTOR_DATA", "/somewhere")
    monkeypatch.setenv("LECTOR_MIN_CONFIDENCE", "0")
    settings = Settings.load(top_k=9, passages=None)
    assert (settings.top_k, settings.data, settings.passages, settings.min_confidence) == (
        9,
        Path("/somewhere"),
        10,
        0.0,
    )


def test_an_unknown_variable_is_named_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTOR_TOPK", "7")
    monkeypatch.setenv("LECTOR_DATE", "x")
    with pytest.raises(InvalidInput, match=r"unknown settings LECTOR_DATE, LECTOR_TOPK; known: .*LECTOR_TOP_K"):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOP_K", "0"),
        ("TOP_K", "many"),
        ("PASSAGES", "101"),
        ("RETRIEVER", "psychic"),
        ("MIN_CONFIDENCE", "1.5"),
        ("THREADS", "-1"),
    ],
)
def test_a_bad_value_is_named_with_its_rule(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(InvalidInput, match=f"LECTOR_{name}='{value}': Input should be"):
        Settings.load()


def test_all_bad_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTOR_TOP_K", "0")
    with pytest.raises(
        InvalidInput, match=r"LECTOR_PASSAGES=0: .*LECTOR_TOP_K='0': |LECTOR_TOP_K='0': .*LECTOR_PASSAGES=0: "
    ):
        Settings.load(passages=0)
    with pytest.raises(InvalidInput, match="LECTOR_SURPRISE=1"):
        Settings.load(surprise=1)
