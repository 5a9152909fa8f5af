"""The README's figures are those of the committed results."""

from pathlib import Path

from benchmarks.readme import with_figures


def test_the_readme_shows_the_committed_results() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert with_figures(readme) == readme
