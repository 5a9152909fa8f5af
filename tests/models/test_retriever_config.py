"""Configurations of a retriever's training: every mistake named, and what ships fit to ship."""

from pathlib import Path

import pytest

from models.training.config import load_config
from models.training.retriever_config import RetrieverTraining, TuningSource
from store.errors import InvalidInput

GOOD = 'base = "x"\n[[train]]\nfile = "a.jsonl"\nlicence = "CC0"\n'
SHIPPED = sorted((Path(__file__).parents[2] / "models" / "training" / "configs").glob("retriever*.toml"))
RESEARCH_ONLY = ("policyqa", "subjqa")


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: str(path.stem))
def test_the_shipped_configurations_train_on_nothing_that_they_may_not(shipped: Path) -> None:
    config = load_config(shipped, RetrieverTraining)
    named = [*(chosen.name for chosen in config.train), *(s for p in config.negatives.passages for s in p.sources)]
    assert not [name for name in named for word in RESEARCH_ONLY if word in name]
    assert all(passages.sources for passages in config.negatives.passages), "else all sources of a file would be taken"
    assert not {str(chosen.file) for chosen in config.train} & {str(tuned.source) for tuned in config.tune}


def test_defaults_hold_where_nothing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(GOOD)
    config = load_config(path, RetrieverTraining)
    assert (config.shared, config.batch_size, config.negatives.count, config.mini_batch) == (True, 32, 1, None)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("batch_sise = 8\n", "batch_sise"),
        ("batch_size = 1\n", "batch_size = 1: .*greater than or equal to 2"),
        ("temperature = 0\n", "temperature = 0"),
        ('precision = "fp8"\n', "precision = 'fp8'"),
        ('keep_passages = "encoder"\n', "keep_passages trains a network of questions alone: set shared = false"),
        ("[negatives]\nrefresh_passages = 9\n", "set refresh_steps"),
        ("[negatives]\ncount = 0\nmargin = 0.1\n", "count = 0 asks for no hard negatives"),
        ('[[tune]]\nsplit = "dev"\n', "tune.0.source"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, change: str, named: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(GOOD + change if change.startswith("[") else change + GOOD)
    with pytest.raises(InvalidInput, match=named):
        load_config(path, RetrieverTraining)


def test_two_splits_of_one_source_have_two_names() -> None:
    sources = (TuningSource(source=Path("colours"), split=split) for split in ("dev", "test"))
    assert [source.name for source in sources] == ["colours", "colours (test)"]
