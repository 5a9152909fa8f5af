"""Training configurations: read from TOML, every mistake named."""

from pathlib import Path

import pytest
from huggingface_hub import constants

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
        (GOOD + "swaps = 2", "train.0.swaps = 2"),
        (GOOD.replace("licence", "license"), "train.0.licence"),
    ],
)
def test_a_bad_configuration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        load_config(path, ReaderTraining)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert load_config(path, ReaderTraining).train


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no training configuration"):
        load_config(tmp_path / "none.toml", ReaderTraining)
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="is not TOML"):
        load_config(tmp_path / "b.toml", ReaderTraining)


def test_a_base_is_a_directory_a_package_or_a_name_for_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound, match="is no model: it holds none of config"):
        locate_base(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert locate_base(str(tmp_path)) == str(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for name, file in (("one", "config.json"), ("two", "modules.json")):  # as a download leaves them
        stored = tmp_path / f"models--somebody--{name}"
        (stored / "snapshots" / "0").mkdir(parents=True)
        (stored / "snapshots" / "0" / file).write_text("{}")
        (stored / "refs").mkdir()
        (stored / "refs" / "main").write_text("0")
        assert locate_base(f"somebody/{name}") == f"somebody/{name}"


@pytest.mark.parametrize("name", ["nobody/nothing", "/no/such/folder", "json"])  # json: a package without a model
def test_a_base_that_is_nowhere_is_refused(name: str) -> None:
    with pytest.raises(NotFound, match=f"no model '{name}'"):
        locate_base(name)
