"""The figures of the README and of pages in docs are those of the committed results."""

import pytest

from benchmarks.readme import PAGES, ROOT, renewed


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_the_committed_results(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert renewed(page, text) == text


@pytest.mark.parametrize("page", PAGES)
def test_only_what_stands_between_the_markers_is_written(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, section in PAGES[page].items():
        begin, end = f"<!-- {name}: written by `python -m benchmarks.readme` -->\n", f"<!-- end of {name} -->"
        old = text.replace(begin + section() + end, f"{begin}| of another time |\n{end}")
        assert old.count("of another time") == 1
        assert renewed(page, old) == text
