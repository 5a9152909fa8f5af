"""Which files a job is about: folders, globs and single files."""

import glob
from collections.abc import Sequence
from pathlib import Path

from indexer.convert import is_supported
from store.errors import NotFound


def find_files(paths: Sequence[str]) -> list[Path]:
    """Absolute paths of the files that `paths` name, sorted, each once.

    A folder stands for all files below it whose type is known; hidden ones are left out. A file that is named itself,
    or matched by a glob, is always in, so that one of unknown type is reported and not passed over.

    Raises:
        NotFound: a path is no file or folder, and no glob that matches one.
    """
    found: set[Path] = set()
    for name in paths:
        if Path(name).exists():
            matches = [Path(name)]
        else:
            matches = [Path(match) for match in glob.glob(name, recursive=True)]
            if not matches:
                raise NotFound(f"no file, folder or glob match at {name!r}")
        for match in matches:
            if match.is_dir():
                found.update(path.absolute() for path in sorted(match.rglob("*")) if _wanted(path, match))
            else:
                found.add(match.absolute())
    return sorted(found)


def covers(paths: Sequence[str], source: str) -> bool:
    """Whether a source lies at or below one of the paths: whether it would have been found, if it were still there."""
    for name in paths:
        root = Path(name).absolute()
        if source == str(root) or Path(source).is_relative_to(root):
            return True
        if not root.exists() and Path(source).match(str(root)):
            return True
    return False


def _wanted(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return not hidden and path.is_file() and is_supported(path)
