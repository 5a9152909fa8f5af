"""`lector compress`: any encoder or extractive reader in Hugging Face format becomes an artifact of ours."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from models.artifact import MODEL, TOKENIZER, Artifact, Card, Kind, TrainingData, write_card
from models.compression.export import export_onnx, fuse, load_encoder, load_reader
from models.compression.quantize import quantize_int8
from models.training.base import locate_base
from store.errors import InvalidInput

_OUTPUTS = {"encoder": ["embedding"], "reader": ["start_logits", "end_logits"]}


def compress(source: str, kind: Kind, out: Path, *, int8: bool = True, licence: str = "") -> Artifact:
    """Export a model (hub name, directory, or package that carries one), fuse its graph, quantize it, write its card.

    A reader that `lector train reader` made brings its training record along into the card.

    Raises:
        InvalidInput: the model has no fast tokenizer, and so no `tokenizer.json`.
    """
    base = locate_base(source)
    config = AutoConfig.from_pretrained(base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    if not tokenizer.is_fast:
        raise InvalidInput(f"{source} has no fast tokenizer; Lector needs its tokenizer.json")
    out.mkdir(parents=True, exist_ok=True)
    module = load_reader(base) if kind == "reader" else load_encoder(base)
    with tempfile.TemporaryDirectory(dir=out) as temporary:
        raw, fused = Path(temporary) / "raw.onnx", Path(temporary) / "fused.onnx"
        export_onnx(module, _OUTPUTS[kind], raw)
        fuse(raw, fused, config.num_attention_heads, config.hidden_size)
        if int8:
            quantize_int8(fused, out / MODEL)
        else:
            shutil.copyfile(fused, out / MODEL)
    tokenizer.backend_tokenizer.save(str(out / TOKENIZER))
    settings: dict[str, Any] = {} if kind == "reader" else {"dimension": config.hidden_size}
    card = Card(
        name=out.name,
        kind=kind,
        base=source,
        licence=licence,
        precision="int8 dynamic" if int8 else "fp32",
        settings=settings,
    )
    return write_card(out, _with_training(card, Path(base) / "training.json"))


def _with_training(card: Card, record_path: Path) -> Card:
    if not record_path.is_file():
        return card
    record = json.loads(record_path.read_text(encoding="utf-8"))
    config = record["config"]
    keys = ("max_length", "doc_stride", "max_answer_tokens")
    trained_on = tuple(TrainingData(name=s["file"], licence=s["licence"], passes=s["passes"]) for s in config["train"])
    update = {"base": config["base"], "trained_on": trained_on, "training": record}
    return card.model_copy(update=update | {"settings": {key: config[key] for key in keys}})
