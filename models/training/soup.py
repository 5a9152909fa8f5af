"""Model soups: the mean of several networks' weights (Wortsman et al. 2022).

Networks that were fine-tuned from one start, on other data or for longer, lie close enough together that the mean of
their weights is a network too, and one that generalizes better than any of them: at no cost when it serves. The mean of
a fine-tuned network and its base keeps much of what the base could do elsewhere (WiSE-FT, Wortsman et al. 2022).
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn
from transformers import AutoTokenizer

from models.artifact import Card, Kind
from models.compression.export import load_spans
from models.compression.record import RECORD, trainings
from models.training.source import model_source
from store.errors import InvalidInput


class _Loaded(NamedTuple):
    network: nn.Module
    save: Callable[[Path], object]


def make_soup(sources: Sequence[str], weights: Sequence[float], out: Path, kind: Kind = "reader") -> None:
    """Write the weighted mean of readers, or of encoders, to `out/model`, in the format of their training.

    The training record is that of the last source that has one, which should be the one that was trained last, with the
    sets of the others.

    Args:
        sources: shipped names, artifacts' directories, or whatever a training's `base` may be.
        weights: one a source; they are scaled to sum up to 1. None: all the same.
        out: folder of the soup.
        kind: what they all are.

    Raises:
        InvalidInput: there are fewer than two sources, another number of weights, or networks of different shapes.
    """
    weights = weights or [1.0] * len(sources)
    if len(sources) < 2 or len(weights) != len(sources) or not min(weights) >= 0 or not 0 < sum(weights) < math.inf:
        raise InvalidInput(
            f"{len(sources)} models with the weights {list(weights)}; give two models or more, and no weights or "
            "one of at least 0 for each"
        )
    found = [model_source(source, out / "source", kind) for source in sources]
    folders = [folder for folder, _ in found]
    loaded = [_load_reader(folder) for folder in folders] if kind == "reader" else _load_encoders(folders)
    states = [one.network.state_dict() for one in loaded]
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise InvalidInput(f"{', '.join(sources)} are not of one architecture, so their weights have no mean")
    mean = {
        name: sum(w * state[name] for w, state in zip(weights, states, strict=True)) / sum(weights)
        for name in states[-1]
    }
    loaded[-1].network.load_state_dict(mean)
    loaded[-1].save(out / "model")
    record = next((record for folder, card in reversed(found) if (record := _record(folder, card))), None)
    if record:  # someone else's models have none
        record["soup"] = dict(zip(sources, weights, strict=True))
        record["soup_trained_on"] = [data.model_dump() for _, c in found if c for data in c.trained_on]
        record["soup_train"] = [train for _, c in found if c for train in trainings(c)]
        (out / "model" / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


def _record(folder: str, card: Card | None) -> dict[str, Any]:
    """What a training left beside its model, or what an artifact's card tells of it."""
    path = Path(folder) / RECORD
    if path.is_file():
        beside: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return beside
    record = dict(card.training) if card else {}
    if card and "before" in record:  # its sets are among the card's, which all count
        record["base_card"] = {"name": card.name, "base": card.base, "trained_on": [], "training": record["before"]}
    return record


def _load_reader(folder: str) -> _Loaded:
    network: Any = load_spans(folder)

    def save(target: Path) -> None:
        network.save_pretrained(target)
        AutoTokenizer.from_pretrained(folder).save_pretrained(target)

    return _Loaded(network, save)


def _load_encoders(folders: Sequence[str]) -> list[_Loaded]:
    """Encoders, each with a network for questions and one for passages if any of them has two."""
    from models.training.bi_encoder import load_bi_encoder  # sentence-transformers takes seconds to import

    models = [load_bi_encoder(folder) for folder in folders]
    if any(model.separate for model in models):
        models = [load_bi_encoder(folder, shared=False) for folder in folders]
    return [_Loaded(model, model.save) for model in models]
