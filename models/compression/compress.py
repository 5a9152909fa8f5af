"""`lector compress`: any encoder or extractive reader becomes an artifact of ours."""

import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from models.artifact import (
    CARD,
    MODEL,
    QUESTION,
    TOKENIZER,
    Artifact,
    Card,
    Kind,
    is_artifact,
    load_artifact,
    write_card,
)
from models.compression.calibration import calibration_rows
from models.compression.export import (
    Exportable,
    PooledEncoder,
    check_tokenizer,
    export_onnx,
    fuse,
    load_reader,
    longest_input,
    pooled_encoder,
)
from models.compression.gate import Gate
from models.compression.precision import Precision
from models.compression.quantize import quantize_int8_dynamic, quantize_int8_static, quantize_int8_weight_only
from models.compression.record import RECORD, with_training
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
    keep_passages: str | None = None,
    dimensions: int = 0,
    licence: str = "",
) -> Artifact:
    """Export a model (hub name, directory, or package that carries one), fuse its graph, quantize it, write its card.

    A reader is a Hugging Face model; an encoder may also be one of sentence-transformers or a DPR pair, and where it
    has a network for questions and one for passages, the artifact has both. What `lector train` made brings its
    training's record along into the card. What stood at `out` before is replaced at the very end, and only by an
    artifact that passed.

    Args:
        calibrate: the SQuAD file whose windows static quantization is calibrated on.
        gate: what the model must still be able to do; its figures go into the card's metrics.
        keep_passages: an encoder's artifact whose network of passages is taken as it is, beside the model's network of
            questions, so that collections of that encoder can be asked with the new one.
        dimensions: of an encoder's embeddings that are kept, the first ones; 0 keeps all. The gate compares with all.

    Raises:
        InvalidInput: it is an artifact already; it has no fast tokenizer, and so no `tokenizer.json`, or parts that
            cannot be exported; or `calibrate`, `gate`, `keep_passages` or `dimensions` is missing or does not fit.
        TooLossy: the compressed model does not pass its gate.
    """
    _check(kind, out, precision, calibrate, gate)
    if is_artifact(source):
        raise InvalidInput(f"{source} is an artifact, and compressed already; give the model that it was made of")
    base = locate_base(source)
    loaded = _load_reader(base) if kind == "reader" else _load_encoder(base)
    check_tokenizer(loaded.tokenizer, source)
    _check_cut(dimensions, kind, loaded, keep_passages)
    kept = _kept(keep_passages, kind, loaded) if keep_passages else None
    card = Card(
        name=out.resolve().name,
        kind=kind,
        base=source,
        licence=licence,
        precision=precision.label,
        settings=loaded.settings,
    )
    card = with_training(card, Path(base) / RECORD)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        work = Path(temporary)
        original, made = (Artifact(work / name, card) for name in ("fp32", "made"))
        for artifact in (original, made):
            artifact.folder.mkdir()
            loaded.tokenizer.backend_tokenizer.save(str(artifact.folder / TOKENIZER))
        for name, module in loaded.networks.items():
            if kept and name == MODEL:
                for artifact in (original, made):
                    shutil.copyfile(kept.model_path, artifact.folder / MODEL)
            else:
                _make(name, module, precision, calibrate, dimensions, work, original, made)
        original = write_card(original.folder, card)
        cut = {"dimension": dimensions} if dimensions else {}
        card = card.model_copy(update={"settings": card.settings | cut})
        made = write_card(made.folder, card)
        if gate is not None:
            measured = gate.measure(original, made)
            gate.check(kind, measured)
            made = write_card(made.folder, card.model_copy(update={"metrics": card.metrics | measured}))
        out.mkdir(exist_ok=True)
        if QUESTION not in loaded.networks:
            (out / QUESTION).unlink(missing_ok=True)
        for name in (*loaded.networks, TOKENIZER, CARD):
            (made.folder / name).replace(out / name)
    return Artifact(out, made.card)


@dataclass(frozen=True)
class _Loaded:
    networks: dict[str, Exportable]  # by the files that they go into
    tokenizer: Any
    settings: dict[str, Any]  # where they differ from the defaults, or have none


def _load_reader(base: str) -> _Loaded:
    module = load_reader(base)
    longest = longest_input(module.network)
    fits = longest is None or longest >= ReaderSettings.max_length
    return _Loaded({MODEL: module}, AutoTokenizer.from_pretrained(base), {} if fits else {"max_length": longest})


def _load_encoder(base: str) -> _Loaded:
    """An encoder's network, or both of them.

    Raises:
        InvalidInput: they have different tokenizers or ends, or parts that cannot be exported.
    """
    from models.training.bi_encoder import load_bi_encoder  # sentence-transformers takes seconds to import

    model = load_bi_encoder(base)
    towers = {MODEL: model.modules_of("document")}
    if model.separate:
        towers[QUESTION] = model.modules_of("query")
    networks = {name: pooled_encoder(modules) for name, modules in towers.items()}
    tokenizers: list[Any] = [modules[0].tokenizer for modules in towers.values()]
    ends = {(network.pooling, network.normalize) for network in networks.values()}
    if len(ends) > 1 or any(tokenizer.get_vocab() != tokenizers[0].get_vocab() for tokenizer in tokenizers):
        raise InvalidInput(f"the two networks of {base} have different tokenizers, pooling or normalization")
    positions = [longest for network in networks.values() if (longest := longest_input(network.network)) is not None]
    found = EncoderSettings(
        dimension=model.get_embedding_dimension(),
        max_length=min([model.model.max_seq_length or EncoderSettings.max_length, *positions]),
        title_separator=model.title_separator,
        question_prefix=model.prompt("query"),
        passage_prefix=model.prompt("document"),
        pooling=networks[MODEL].pooling,
        normalize=networks[MODEL].normalize,
    )
    default = asdict(EncoderSettings(dimension=0))
    return _Loaded(dict(networks), tokenizers[0], {k: v for k, v in asdict(found).items() if v != default[k]})


def _kept(name: str, kind: Kind, loaded: _Loaded) -> Artifact:
    """The artifact whose network of passages goes with a new network of questions.

    Raises:
        InvalidInput: there is no such network of questions, or the artifact is given its texts in another way.
    """
    if kind != "encoder" or QUESTION not in loaded.networks:
        raise InvalidInput("--keep-passages goes with an encoder that has a network of its own for questions")
    artifact = load_artifact(name, "encoder")
    theirs, own = asdict(artifact.settings(EncoderSettings)), asdict(EncoderSettings(**loaded.settings))
    differing = [f"{key} ({own[key]!r} for {theirs[key]!r})" for key in own if own[key] != theirs[key]]
    if artifact.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
        differing.append("vocabulary")
    if differing:
        raise InvalidInput(f"{name} cannot keep its passages beside these questions: different {', '.join(differing)}")
    return artifact


def _check_cut(dimensions: int, kind: Kind, loaded: _Loaded, keep_passages: str | None) -> None:
    if not dimensions:
        return
    if kind != "encoder" or keep_passages:
        raise InvalidInput("--dimensions goes with an encoder's whole networks, without --keep-passages")
    whole = loaded.settings["dimension"]
    if not 0 < dimensions < whole:
        raise InvalidInput(f"--dimensions {dimensions}: the encoder's embeddings have {whole}, of which fewer are kept")


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
    if gate is not None:
        gate.open(kind)
    if calibrate is not None:
        read_squad(calibrate)


def _make(
    name: str,
    module: Exportable,
    precision: Precision,
    calibrate: Path | None,
    dimensions: int,
    work: Path,
    original: Artifact,
    made: Artifact,
) -> None:
    """One network's graphs: fused in fp32 for the original, and cut and quantized for what is made."""
    raw, fused, target = work / "raw.onnx", original.folder / name, made.folder / name
    export_onnx(module, _OUTPUTS[original.card.kind], raw)
    config: Any = module.network.config
    shape = config.num_attention_heads, config.hidden_size
    fuse(raw, fused, *shape)
    if isinstance(module, PooledEncoder) and dimensions:
        module.dimensions, fused = dimensions, work / "cut.onnx"
        export_onnx(module, _OUTPUTS[original.card.kind], raw)
        fuse(raw, fused, *shape)
    if precision in (Precision.int8_static, Precision.int8_weight_only):
        fused = work / "apart.onnx"
        fuse(raw, fused, *shape, own_products=True)
    if precision is Precision.fp32:
        shutil.copyfile(fused, target)
    elif precision is Precision.int8_dynamic:
        quantize_int8_dynamic(fused, target)
    elif precision is Precision.int8_weight_only:
        quantize_int8_weight_only(fused, target)
    elif calibrate is not None:
        quantize_int8_static(fused, target, calibration_rows(original, calibrate, questions=name == QUESTION))
