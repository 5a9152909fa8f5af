"""Which files a job is about: folders, globs and single files."""

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from indexer.convert import is_supported
from store.errors import InvalidInput, NotFound


def find_files(paths: Sequence[str]) -> list[Path]:
    """Absolute paths of the files that `paths` name, sorted, each once.

    A folder stands for all files below it whose type is known; hidden ones are left out. A file that is named itself,
    or matched by a glob, is always in, so that one of unknown type is reported and not passed over. Neither a folder
    nor `**` leads through symbolic links to folders.

    Raises:
        InvalidInput: a glob has `**` beside other characters.
        NotFound: a path is no file or folder, and no glob that matches one.
    """
    found: set[Path] = set()
    for name in paths:
        if Path(name).exists():
            matches = [_absolute(name)]
        else:
            matches = _glob(_absolute(name))
            if not matches:
                raise NotFound(f"no file, folder or glob match at {name!r}")
        for match in matches:
            if match.is_dir():
                found.update(path for path in match.rglob("*") if _wanted(path, match))
            else:
                found.add(match)
    return sorted(found)


def covers(paths: Sequence[str], source: str) -> bool:
    """Whether a source lies at or below one of the paths: whether it would have been found, if it were still there."""
    for name in paths:
        root = _absolute(name)
        if Path(source).is_relative_to(root):
            return True
        if not root.exists() and _matches(Path(source).parts, root.parts):
            return True
    return False


def is_gone(source: str) -> bool:
    """Whether there is no such file any more; one that is hidden, or in a folder that cannot be looked into, is not."""
    try:
        os.lstat(source)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def printable(path: Path) -> str:
    """A path as text; bytes of its name that are no UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _absolute(name: str) -> Path:
    """The one name of a file that sources go by: the same however it is reached from here."""
    path = Path(name)
    return path.resolve() if ".." in path.parts else path.absolute()


def _glob(pattern: Path) -> list[Path]:
    # Not `glob.glob`, which goes round in circles where a link leads upwards.
    try:
        matches = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
        return [match for match in matches if _matches(match.parts, pattern.parts)]
    except ValueError as error:
        raise InvalidInput(f"{pattern} is no glob ({error}); put `**` between slashes") from error


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path, or a folder that it lies in, matches a glob, whose wildcards leave hidden names out."""
    if not pattern:
        return True
    first, *rest = pattern
    if first == "**" and _matches(parts, rest):
        return True
    if not parts or (parts[0].startswith(".") and not first.startswith(".")):
        return False
    if first == "**":
        return _matches(parts[1:], pattern)
    return fnmatchcase(parts[0], first) and _matches(parts[1:], rest)


def _wanted(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return not hidden and path.is_file() and is_supported(path)
