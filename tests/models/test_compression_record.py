"""What a training's record adds to the card of what is made of it."""

import json
from pathlib import Path
from typing import Any

from models.artifact import Card, TrainingData
from models.compression.record import with_training
from models.training.source import model_source

CARD = Card(name="r", kind="reader", base="out/model", licence="CC0", precision="fp32", settings={"max_length": 128})


def record(base: str, *sets: tuple[str, float], **more: Any) -> dict[str, Any]:
    train = [{"file": file, "licence": "CC0", "passes": passes} for file, passes in sets]
    config = {"base": base, "train": train, "max_length": 64, "doc_stride": 32, "max_answer_tokens": 9}
    return {"config": config, **more}


def card_of(folder: Path, found: dict[str, Any]) -> Card:
    path = folder / "training.json"
    path.write_text(json.dumps(found))
    return with_training(CARD, path)


def test_without_a_record_the_card_stays_as_it_is(tmp_path: Path) -> None:
    assert with_training(CARD, tmp_path / "training.json") == CARD


def test_a_record_says_base_data_and_settings(tmp_path: Path) -> None:
    found = record("somebody/base", ("a.json", 2.0), teachers=["large"])
    card = card_of(tmp_path, found)
    assert card.base == "somebody/base"
    assert card.trained_on == (TrainingData(name="a.json", licence="CC0", passes=2.0),)
    assert card.settings == {"max_length": 64, "doc_stride": 32, "max_answer_tokens": 9}
    assert card.training == found


def test_a_directory_that_a_training_left_tells_what_it_was_trained_on(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert model_source(str(tmp_path), tmp_path / "restored") == (str(tmp_path), None)
    expected = card_of(tmp_path, record("somebody/base", ("a.json", 1.75)))
    folder, card = model_source(str(tmp_path), tmp_path / "restored")
    assert folder == str(tmp_path)
    assert card is not None
    assert (card.base, card.trained_on, card.training) == (expected.base, expected.trained_on, expected.training)


def test_a_training_that_went_on_from_an_artifact_counts_what_that_had_seen(tmp_path: Path) -> None:
    first = card_of(tmp_path, record("somebody/base", ("a.json", 1.75), ("b.json", 1.0)))
    continued = {"base_card": first.model_dump(mode="json", include={"name", "base", "trained_on", "training"})}
    second = card_of(tmp_path, record("base", ("c.json", 0.5), ("a.json", 0.8), **continued))
    assert second.base == "somebody/base"
    assert [(data.name, data.passes) for data in second.trained_on] == [
        ("a.json", 2.55),
        ("b.json", 1.0),
        ("c.json", 0.5),
    ]
    assert second.training == record("base", ("c.json", 0.5), ("a.json", 0.8)) | {"before": first.training}

    continued = {"base_card": second.model_dump(mode="json", include={"name", "base", "trained_on", "training"})}
    third = card_of(tmp_path, record("base-2", ("c.json", 1.0), **continued))
    assert third.base == "somebody/base"
    assert [(data.name, data.passes) for data in third.trained_on] == [
        ("a.json", 2.55),
        ("b.json", 1.0),
        ("c.json", 1.5),
    ]
    assert third.training["before"]["before"] == first.training
