"""Training configurations: read from TOML, every mistake named."""

from pathlib import Path

import pytest

from models.training.config import ReaderTraining, load_config
from models.training.source import locate_base
from store.errors import InvalidInput, NotFound

GOOD = 'base = "x"\n[[train]]\nfile = "a.json"\nlicence = "CC0"\n'
CONFIGS = Path(__file__).parents[2] / "models" / "training" / "configs"


def test_the_shipped_configurations_are_sound() -> None:
    paths = list(CONFIGS.glob("reader-*.toml"))
    assert paths
    for path in paths:
        config = load_config(path, ReaderTraining)
        assert all(chosen.licence for chosen in config.train)
        assert not {chosen.file for chosen in config.train} & set(config.tune), "tuning files are never trained on"


def test_defaults_hold_where_nothing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(GOOD)
    config = load_config(path, ReaderTraining)
    assert (config.max_length, config.doc_stride, config.train[0].passes) == (384, 128, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base = ", "is not TOML"),
        ('base = "x"', "train = "),
        ('base = "x"\ntrain = []', r"train = \[\]"),
        ("surprise = 1\n" + GOOD, "surprise = 1: Extra inputs"),
        ("learning_rate = 0\n" + GOOD, "learning_rate = 0"),
        ("max_length = 1000\n" + GOOD, "max_length = 1000"),
        ('precision = "fp8"\n' + GOOD, "precision = 'fp8'"),
        (GOOD + "passes = -1", "train.0.passes = -1"),
        (GOOD + "negatives = 2", "train.0.negatives = 2"),
        (GOOD.replace("licence", "license"), "train.0.licence"),
    ],
)
def test_a_bad_configuration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        load_config(path, ReaderTraining)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no training configuration"):
        load_config(tmp_path / "none.toml", ReaderTraining)
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="is not TOML"):
        load_config(tmp_path / "b.toml", ReaderTraining)


def test_a_base_is_a_directory_a_package_or_a_name_for_the_hub(tmp_path: Path) -> None:
    assert locate_base(str(tmp_path)) == str(tmp_path)
    assert locate_base("nobody/nothing") == "nobody/nothing"
    assert locate_base("json") == "json", "a package without a model is none"
