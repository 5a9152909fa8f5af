"""Model soups: the mean of several networks' weights (Wortsman et al. 2022).

Networks that were fine-tuned from one start, on other data or for longer, lie close enough together that the mean of
their weights is a network too, and one that generalizes better than any of them: at no cost when it serves.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from models.training.source import model_source
from store.errors import InvalidInput


def make_soup(sources: Sequence[str], weights: Sequence[float], out: Path) -> None:
    """Write the weighted mean of readers to `out/model`, in Hugging Face format.

    The training record is that of the last source, which should be the one that was trained last.

    Args:
        sources: shipped names, artifacts' or Hugging Face directories, or hub names.
        weights: one a source; they are scaled to sum up to 1. None: all the same.
        out: folder of the soup.

    Raises:
        InvalidInput: there are fewer than two sources, another number of weights, or networks of different shapes.
    """
    weights = weights or [1.0] * len(sources)
    if len(sources) < 2 or len(weights) != len(sources) or min(weights) < 0 or sum(weights) <= 0:
        raise InvalidInput(
            f"{len(sources)} models with the weights {list(weights)}; give two models or more, and no weights or "
            "one of at least 0 for each"
        )
    folders = [model_source(source, out / f"source-{i}")[0] for i, source in enumerate(sources)]
    networks = [AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32) for folder in folders]
    states = [network.state_dict() for network in networks]
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise InvalidInput(f"{', '.join(sources)} are not of one architecture, so their weights have no mean")
    mean = {
        name: sum(w * state[name] for w, state in zip(weights, states, strict=True)) / sum(weights)
        for name in states[-1]
    }
    networks[-1].load_state_dict(mean)
    networks[-1].save_pretrained(out / "model")
    AutoTokenizer.from_pretrained(folders[-1]).save_pretrained(out / "model")
    record_path = Path(folders[-1]) / "training.json"
    if record_path.is_file():
        record = json.loads(record_path.read_text(encoding="utf-8"))
        record["soup"] = dict(zip(sources, weights, strict=True))
        (out / "model" / "training.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
