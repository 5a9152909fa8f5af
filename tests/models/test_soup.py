"""Soups of networks."""

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForQuestionAnswering, BertConfig, BertForQuestionAnswering  # noqa: E402

from models.compression.compress import compress  # noqa: E402
from models.compression.precision import Precision  # noqa: E402
from models.training.bi_encoder import load_bi_encoder  # noqa: E402
from models.training.soup import make_soup  # noqa: E402
from models.training.source import model_source  # noqa: E402
from store.errors import InvalidInput, NotFound  # noqa: E402
from tests.models.tiny import save_tiny_reader  # noqa: E402


@pytest.fixture
def ones_and_threes(tmp_path: Path) -> list[str]:
    """Two tiny readers, whose weights are all 1 and all 3."""
    folders = []
    for value in (1.0, 3.0):
        folder = save_tiny_reader(tmp_path / str(value))
        network = AutoModelForQuestionAnswering.from_pretrained(folder)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(value)
        network.save_pretrained(folder)
        folders.append(str(folder))
    return folders


def values(folder: Path) -> set[float]:
    network = AutoModelForQuestionAnswering.from_pretrained(folder)
    return {value for parameter in network.parameters() for value in parameter.unique().tolist()}


def test_a_soup_holds_the_mean_weights(ones_and_threes: list[str], tmp_path: Path) -> None:
    make_soup(ones_and_threes, [], tmp_path / "even")
    assert values(tmp_path / "even" / "model") == {2.0}
    make_soup(ones_and_threes, [3, 1], tmp_path / "uneven")
    assert values(tmp_path / "uneven" / "model") == {1.5}
    assert (tmp_path / "even" / "model" / "tokenizer.json").is_file()


def test_the_record_is_the_last_ones_with_the_sets_of_all(ones_and_threes: list[str], tmp_path: Path) -> None:
    def trained(*sets: tuple[str, float]) -> dict[str, Any]:
        train = [{"file": file, "licence": "CC0", "passes": passes} for file, passes in sets]
        return {"base": "b", "train": train, "max_length": 48, "doc_stride": 16, "max_answer_tokens": 5}

    first: dict[str, Any] = {"config": trained(("a.json", 2.0), ("b.json", 1.0))}
    last: dict[str, Any] = {"config": trained(("b.json", 1.5)), "tokens": 7}
    for folder, record in zip(ones_and_threes, (first, last), strict=True):
        (Path(folder) / "training.json").write_text(json.dumps(record))
    make_soup(ones_and_threes, [1, 2], tmp_path / "soup")
    _, card = model_source(str(tmp_path / "soup" / "model"), tmp_path / "restored")
    assert card is not None
    assert card.training == last | {
        "soup": {ones_and_threes[0]: 1, ones_and_threes[1]: 2},
        "soup_train": [first["config"]["train"], last["config"]["train"]],
    }
    assert [(data.name, data.passes) for data in card.trained_on] == [("b.json", 1.5), ("a.json", 2.0)]


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_record_is_kept_wherever_it_stands_and_names_the_first_base(tiny_reader: Path, tmp_path: Path) -> None:
    trained = save_tiny_reader(tmp_path / "trained")
    before = {"name": "first", "base": "MiniLM", "trained_on": [{"name": "a.json", "licence": "CC0", "passes": 2.0}]}
    train = [{"file": "b.json", "licence": "CC0", "passes": 1.5}]
    config = {"base": "runs/first", "train": train, "max_length": 48, "doc_stride": 16, "max_answer_tokens": 5}
    (trained / "training.json").write_text(
        json.dumps({"config": config, "base_card": {**before, "training": {"tokens": 7}}})
    )
    artifact = compress(str(trained), "reader", tmp_path / "artifact", precision=Precision.fp32)
    assert artifact.card.base == "MiniLM"
    make_soup([str(artifact.folder), str(tiny_reader)], [], tmp_path / "soup")
    _, card = model_source(str(tmp_path / "soup" / "model"), tmp_path / "restored")
    assert card is not None
    assert (card.base, card.training["before"]) == ("MiniLM", {"tokens": 7})
    assert {data.name: data.passes for data in card.trained_on} == {"a.json": 2.0, "b.json": 1.5}


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_soup_with_an_artifact_of_no_training_has_no_record(tiny_reader: Path, tmp_path: Path) -> None:
    artifact = compress(str(tiny_reader), "reader", tmp_path / "artifact", precision=Precision.fp32)
    make_soup([str(tiny_reader), str(artifact.folder)], [], tmp_path / "soup")
    assert not (tmp_path / "soup" / "model" / "training.json").exists()


def test_a_soup_of_encoders_lies_between_them(tiny_reader: Path, tmp_path: Path) -> None:
    """What serves is often the mean of an encoder and of its base."""
    base, tuned = load_bi_encoder(str(tiny_reader)), load_bi_encoder(str(tiny_reader))
    with torch.no_grad():
        for parameter in tuned.parameters():
            parameter.mul_(3.0)
    tuned.title_separator = " | "
    tuned.save(tmp_path / "tuned")
    make_soup([str(tiny_reader), str(tmp_path / "tuned")], [], tmp_path / "soup", "encoder")
    soup = load_bi_encoder(str(tmp_path / "soup" / "model"))
    assert soup.title_separator == " | "
    name = "model.0.model.encoder.layer.0.output.dense.weight"
    torch.testing.assert_close(soup.state_dict()[name], 2 * base.state_dict()[name])


def test_encoders_are_not_taken_for_readers(tiny_reader: Path, tmp_path: Path) -> None:
    load_bi_encoder(str(tiny_reader)).save(tmp_path / "encoder")
    with pytest.raises(InvalidInput, match="is it an encoder"):
        make_soup([str(tmp_path / "encoder"), str(tiny_reader)], [], tmp_path / "soup")


def test_a_runs_folder_is_told_from_its_model(ones_and_threes: list[str], tmp_path: Path) -> None:
    make_soup(ones_and_threes, [], tmp_path / "soup")
    with pytest.raises(NotFound, match=r"soup is no model.*soup/model is one"):
        make_soup([str(tmp_path / "soup"), ones_and_threes[0]], [], tmp_path / "again")


@pytest.mark.parametrize("weights", [[1], [1, 2, 3], [0, 0], [2, -1], [float("nan"), 1], [float("inf"), 1]])
def test_weights_that_make_no_mean_are_refused(
    ones_and_threes: list[str], tmp_path: Path, weights: list[float]
) -> None:
    with pytest.raises(InvalidInput, match="give two models or more"):
        make_soup(ones_and_threes, weights, tmp_path / "soup")


def test_one_model_or_two_of_different_shapes_are_refused(ones_and_threes: list[str], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="give two models or more"):
        make_soup(ones_and_threes[:1], [], tmp_path / "soup")
    config = BertConfig.from_pretrained(ones_and_threes[0], num_hidden_layers=1)
    BertForQuestionAnswering(config).save_pretrained(tmp_path / "small")
    with pytest.raises(InvalidInput, match="not of one architecture"):
        make_soup([str(tmp_path / "small"), ones_and_threes[0]], [], tmp_path / "soup")
