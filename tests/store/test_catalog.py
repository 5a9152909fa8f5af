"""All collections of a data directory, by name."""

from pathlib import Path

import pytest

from store.catalog import Catalog
from store.errors import InvalidInput, NotFound
from tests.store.made import ENCODER, document


def test_collections_are_made_and_found_by_name(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path, ENCODER)
    assert catalog.names() == []
    made = catalog.get("b-2", create=True)
    assert catalog.get("b-2") is made
    catalog.get("A_1", create=True)
    (tmp_path / "not one").mkdir()
    (tmp_path / "not one" / "lector.db").touch()
    assert catalog.names() == ["A_1", "b-2"]
    made.write([document("a", "every a")])
    catalog.close()
    again = Catalog(tmp_path, ENCODER)
    assert again.get("b-2").state().documents == 1
    again.close()


def test_an_unknown_name_is_not_found_and_makes_nothing(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path, ENCODER)
    with pytest.raises(NotFound, match="known: none"):
        catalog.get("missing")
    catalog.get("here", create=True)
    with pytest.raises(NotFound, match="known: here"):
        catalog.get("missing")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    catalog.close()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "-a", "_a", "a b", "a\n", "ä", "a.b", "x" * 65, "\x00"])
def test_names_that_could_leave_the_directory_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a collection's name"):
        Catalog(tmp_path, ENCODER).get(name, create=True)
    assert list(tmp_path.iterdir()) == []
