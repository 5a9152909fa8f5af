"""The artifact format: a model is a directory with `model.onnx`, `tokenizer.json` and `card.json`.

The card says what the model is, what it was trained on and how it did, and holds the settings that it is served with
and the SHA-256 of the other files. Nothing in it is executed. An encoder may have a network of its own for questions,
`question.onnx`; `model.onnx` is then that of passages.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from tokenizers import Tokenizer

from store.errors import Damaged, InvalidInput, NotFound

SHIPPED = Path(__file__).parent / "shipped"
MODEL, QUESTION, TOKENIZER, CARD = "model.onnx", "question.onnx", "tokenizer.json", "card.json"

Kind = Literal["encoder", "reader"]
Settings = TypeVar("Settings")


class TrainingData(BaseModel):
    """A set that a model was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    licence: str
    passes: float


class Card(BaseModel):
    """What `card.json` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Kind
    base: str
    licence: str
    precision: str  # fp32, or how it was quantized
    trained_on: tuple[TrainingData, ...] = ()
    training: dict[str, Any] = {}  # configuration, tokens, hours, device
    metrics: dict[str, float] = {}
    settings: dict[str, Any] = {}  # how it is served: see ReaderSettings, EncoderSettings
    calibration: dict[str, tuple[float, ...]] = {}  # a reader's, see models.confidence
    null_threshold: float = 0.0  # log-odds of an answer at or below which one context is held not to answer
    bytes: dict[str, int] = {}  # size of each file
    sha256: dict[str, str] = {}  # checksum of each file


class Artifact:
    """A model's directory, with its checksums verified."""

    def __init__(self, folder: Path, card: Card) -> None:
        self.folder = folder
        self.card = card

    @property
    def checksum(self) -> str:
        """Identifies the network: its SHA-256."""
        return self.card.sha256[MODEL]

    @property
    def model_path(self) -> Path:
        return self.folder / MODEL

    @property
    def question_path(self) -> Path | None:
        """The network of questions, if an encoder has one of its own."""
        return self.folder / QUESTION if QUESTION in self.card.sha256 else None

    def settings(self, kind: type[Settings]) -> Settings:
        """The settings that the card names, as an instance of `kind`.

        Raises:
            Damaged: the card names one that `kind` does not have, or lacks one that it needs.
        """
        try:
            return kind(**self.card.settings)
        except TypeError as error:
            raise Damaged(
                f"{self.folder / CARD} has settings that do not fit its kind, {self.card.kind!r}: {error}"
            ) from error

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, which neither pads nor truncates: windows are our own."""
        tokenizer = Tokenizer.from_file(str(self.folder / TOKENIZER))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer


def load_artifact(name: str, kind: Kind) -> Artifact:
    """Load a model by the name of a shipped one, or by its directory.

    Raises:
        NotFound: there is no such model.
        InvalidInput: the model is of another kind.
        Damaged: a file is missing, or does not match its checksum.
    """
    folder = _folder(name)
    if not (folder / CARD).is_file():
        shipped = ", ".join(sorted(card.parent.name for card in SHIPPED.glob(f"*/{CARD}")))
        raise NotFound(f"no model {name!r}: {folder / CARD} does not exist. Shipped models: {shipped}")
    try:
        card = Card.model_validate_json((folder / CARD).read_bytes())
    except ValidationError as error:
        raise Damaged(f"{folder / CARD} is not a model's card: {error}") from error
    if card.kind != kind:
        raise InvalidInput(f"model {name!r} is of kind {card.kind!r}; this place takes {kind!r}")
    artifact = Artifact(folder, card)
    for path in (artifact.model_path, artifact.question_path, folder / TOKENIZER):
        if path:
            _verify(path, card.sha256.get(path.name))
    return artifact


def is_artifact(name: str) -> bool:
    """Whether `name` is a shipped model, or a directory that holds an artifact."""
    return (_folder(name) / CARD).is_file()


def write_card(folder: Path, card: Card) -> Artifact:
    """Write a model's card beside its files, with their sizes and checksums filled in."""
    paths = [folder / MODEL, *folder.glob(QUESTION), folder / TOKENIZER]
    sizes = {path.name: path.stat().st_size for path in paths}
    card = card.model_copy(update={"bytes": sizes, "sha256": {path.name: _sha256(path) for path in paths}})
    text = json.dumps(card.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")
    return Artifact(folder, card)


def _folder(name: str) -> Path:
    shipped = SHIPPED / name
    return shipped if name.isidentifier() and shipped.is_dir() else Path(name)


def _verify(path: Path, expected: str | None) -> None:
    if not path.is_file():
        raise Damaged(f"{path} is missing; copy the model's directory again")
    if _sha256(path) != expected:
        raise Damaged(f"{path} does not match the SHA-256 in its card; copy the model's directory again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
