"""`lector compress`: any encoder or extractive reader in Hugging Face format becomes an artifact of ours."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from models.artifact import CARD, MODEL, TOKENIZER, Artifact, Card, Kind, write_card
from models.compression.calibration import calibration_rows
from models.compression.export import export_onnx, fuse, load_encoder, load_reader
from models.compression.gate import Gate
from models.compression.precision import Precision
from models.compression.quantize import quantize_int8_dynamic, quantize_int8_static, quantize_int8_weight_only
from models.compression.record import with_training
from models.encoder import EncoderSettings
from models.evaluation.squad import read_squad
from models.reader import ReaderSettings
from models.training.source import locate_base
from store.errors import InvalidInput

_OUTPUTS = {"encoder": ["embedding"], "reader": ["start_logits", "end_logits"]}


def compress(
    source: str,
    kind: Kind,
    out: Path,
    *,
    precision: Precision = Precision.int8_dynamic,
    calibrate: Path | None = None,
    gate: Gate | None = None,
    licence: str = "",
) -> Artifact:
    """Export a model (hub name, directory, or package that carries one), fuse its graph, quantize it, write its card.

    A reader that `lector train reader` made brings its training record along into the card. What stood at `out` before
    is replaced at the very end, and only by an artifact that passed.

    Args:
        calibrate: the SQuAD file whose windows static quantization is calibrated on.
        gate: what a reader must still be able to do; its figures go into the card's metrics.

    Raises:
        InvalidInput: the model has no fast tokenizer, and so no `tokenizer.json`; or `calibrate` or `gate` is missing
            or does not fit.
        TooLossy: the compressed reader does not pass its gate.
    """
    _check(kind, out, precision, calibrate, gate)
    base = locate_base(source)
    config = AutoConfig.from_pretrained(base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    if not tokenizer.is_fast:
        raise InvalidInput(f"{source} has no fast tokenizer; Lector needs its tokenizer.json")
    module = load_reader(base) if kind == "reader" else load_encoder(base)
    card = Card(
        name=out.resolve().name,
        kind=kind,
        base=source,
        licence=licence,
        precision=precision.label,
        settings=_settings(kind, config.hidden_size, module.longest()),
    )
    card = with_training(card, Path(base) / "training.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        work = Path(temporary)
        original, made = (Artifact(work / name, card) for name in ("fp32", "made"))
        for artifact in (original, made):
            artifact.folder.mkdir()
            tokenizer.backend_tokenizer.save(str(artifact.folder / TOKENIZER))
        raw, fused = work / "raw.onnx", original.model_path
        export_onnx(module, _OUTPUTS[kind], raw)
        shape = config.num_attention_heads, config.hidden_size
        fuse(raw, fused, *shape)
        if precision in (Precision.int8_static, Precision.int8_weight_only):
            fused = work / "apart.onnx"
            fuse(raw, fused, *shape, own_products=True)
        _quantize(precision, fused, made.model_path, calibrate, original)
        if gate is not None:
            measured = gate.measure(original, made)
            gate.check(measured)
            card = card.model_copy(update={"metrics": card.metrics | measured})
        card = write_card(made.folder, card).card
        out.mkdir(exist_ok=True)
        for name in (MODEL, TOKENIZER, CARD):
            (made.folder / name).replace(out / name)
    return Artifact(out, card)


def _check(kind: Kind, out: Path, precision: Precision, calibrate: Path | None, gate: Gate | None) -> None:
    """Whatever can be found wrong before minutes of work."""
    if out.exists() and not out.is_dir():
        raise InvalidInput(f"{out} is a file; --out names the artifact's directory")
    if precision is Precision.int8_static and calibrate is None:
        raise InvalidInput(
            "int8-static needs texts to find the scales of activations on: --calibrate FILE (SQuAD JSON)"
        )
    if precision is not Precision.int8_static and calibrate is not None:
        raise InvalidInput(f"--calibrate is for int8-static; {precision} finds its scales without")
    if gate is not None and kind != "reader":
        raise InvalidInput("--gate compares the answers of readers; an encoder gives none")
    for file in (*(gate.files if gate else ()), *([calibrate] if calibrate else [])):
        read_squad(file)


def _settings(kind: Kind, hidden_size: int, longest: int | None) -> dict[str, Any]:
    """What a card names of a model's settings where they differ from the defaults, or have none."""
    default = ReaderSettings.max_length if kind == "reader" else EncoderSettings.max_length
    settings: dict[str, Any] = {} if kind == "reader" else {"dimension": hidden_size}
    return settings if longest is None or longest >= default else settings | {"max_length": longest}


def _quantize(
    precision: Precision,
    fused: Path,
    target: Path,
    calibrate: Path | None,
    original: Artifact,
) -> None:
    if precision is Precision.fp32:
        shutil.copyfile(fused, target)
    elif precision is Precision.int8_dynamic:
        quantize_int8_dynamic(fused, target)
    elif precision is Precision.int8_weight_only:
        quantize_int8_weight_only(fused, target)
    elif calibrate is not None:
        quantize_int8_static(fused, target, calibration_rows(original, calibrate))
