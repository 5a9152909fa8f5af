"""A training's record, as `lector train` leaves it beside a model, in the card of what is made of it."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models.artifact import Card, TrainingData

RECORD = "training.json"  # beside the model, in its directory

_SETTINGS = ("max_length", "doc_stride", "max_answer_tokens")  # a reader's; an encoder's directory has its own


def with_training(card: Card, record_path: Path) -> Card:
    """The card with what the record says of base, data and settings; as it is where there is no record.

    Where the training went on from an artifact, or from what another training made, that one's card counts too: its
    base is the base, passes over the same file add up, and its own training stands under `before`. Of a soup, the
    sets of all members count, each as often as the member passed over it that did so most.
    """
    if not record_path.is_file():
        return card
    record = json.loads(record_path.read_text(encoding="utf-8"))
    config = record["config"]
    base, training = config["base"], {k: v for k, v in record.items() if k not in ("base_card", "soup_trained_on")}
    trained_on = [
        TrainingData(name=_name(chosen), licence=chosen["licence"], passes=chosen["passes"])
        for chosen in config["train"]
    ]
    if "base_card" in record:
        before = record["base_card"]
        base = before["base"]
        training["before"] = before["training"]
        trained_on = [*(TrainingData.model_validate(data) for data in before["trained_on"]), *trained_on]
    settings = card.settings | {key: config[key] for key in _SETTINGS if card.kind == "reader" and key in config}
    members = (TrainingData.model_validate(data) for data in record.get("soup_trained_on", []))
    update = {
        "base": base,
        "trained_on": _most(_summed(trained_on), members),
        "training": training,
        "settings": settings,
    }
    return card.model_copy(update=update)


def trainings(card: Card) -> list[list[dict[str, Any]]]:
    """What the last training of a model read, as its configuration says; of a soup, that of each member."""
    members: list[list[dict[str, Any]]] = card.training.get("soup_train", [])
    return members or [card.training.get("config", {}).get("train", [])]


def _name(chosen: Mapping[str, Any]) -> str:
    """A set's file, and which part of it was taken."""
    return f"{chosen['file']} ({chosen['source']})" if chosen.get("source") else str(chosen["file"])


def _summed(sets: Iterable[TrainingData]) -> tuple[TrainingData, ...]:
    """Each set once, with all its passes, in the order in which they were first used."""
    summed: dict[str, TrainingData] = {}
    for data in sets:
        passes = data.passes + (summed[data.name].passes if data.name in summed else 0)
        summed[data.name] = data.model_copy(update={"passes": round(passes, 6)})
    return tuple(summed.values())


def _most(sets: Iterable[TrainingData], others: Iterable[TrainingData]) -> tuple[TrainingData, ...]:
    """Each set once, with the most passes that any says."""
    most = {data.name: data for data in sets}
    for data in others:
        if data.name not in most or data.passes > most[data.name].passes:
            most[data.name] = data
    return tuple(most.values())
