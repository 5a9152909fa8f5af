"""Which files a job is about: folders, globs and single files."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from indexer.convert import is_supported
from store.errors import InvalidInput

WILDCARD = re.compile(r"[*?[]")

Note = Callable[[OSError], None]


@dataclass(frozen=True)
class Found:
    """What there is at paths."""

    paths: Sequence[str]  # as they were named
    files: list[Path]  # absolute, sorted, each once
    unreadable: dict[Path, str]  # what could not be looked into on the way, mostly folders, with the reason
    absent: list[str]  # paths that are no file or folder, and no glob that matches one
    empty: list[str]  # these, and paths below which there is no file of a known type


def find_files(paths: Sequence[str]) -> Found:
    """The files that `paths` name.

    A folder stands for all files below it whose type is known; hidden ones are left out. A file that is named itself,
    or matched by a glob, is always in, so that one of unknown type is reported and not passed over. Neither a folder
    nor `**` leads through symbolic links to folders.

    Raises:
        InvalidInput: a glob has `**` beside other characters.
    """
    found: set[Path] = set()
    absent: list[str] = []
    empty: list[str] = []
    errors: list[OSError] = []
    for name in paths:
        earlier = len(errors)
        path = _absolute(name)
        matches = [path] if _exists(Path(name)) else list(_glob(path, errors.append))
        files: set[Path] = set()
        for match in matches:
            files.update(_files(match, errors.append) if _ask(match.is_dir, errors.append) else [match])
        found |= files
        if len(errors) == earlier:
            absent += [] if matches else [name]
            empty += [] if files else [name]
    reasons = {
        Path(error.filename): f"cannot be read ({error.strerror}); check its path and rights" for error in errors
    }
    return Found(paths, sorted(found), reasons, absent, empty)


def covers(paths: Sequence[str], source: str) -> bool:
    """Whether a source lies at or below one of the paths: whether it would have been found, if it were still there."""
    for name in paths:
        root = _absolute(name)
        if Path(source).is_relative_to(root):
            return True
        if not _exists(root) and _matches(Path(source).parts, root.parts):
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


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _ask(question: Callable[[], bool], note: Note) -> bool:
    """The answer; False where a folder on the way lets nobody through, and then a note of it."""
    try:
        return question()
    except OSError as error:
        note(error)
        return False


def _glob(pattern: Path, note: Note) -> list[Path]:
    # Neither `glob.glob`, which goes round in circles where a link leads upwards, nor `Path.glob`, which passes over
    # folders that it cannot read.
    if any("**" in part and part != "**" for part in pattern.parts):
        raise InvalidInput(f"{pattern} is no glob; put `**` between slashes, with nothing beside it")
    anchor, *parts = pattern.parts
    errors: list[OSError] = []
    matches = [match for match in _select(Path(anchor), parts, errors.append) if _matches(match.parts, pattern.parts)]
    for error in errors:
        if _matches(Path(error.filename).parts, pattern.parts, partly=True):  # not in a hidden folder
            note(error)
    return matches


def _select(folder: Path, pattern: Sequence[str], note: Note) -> Iterator[Path]:
    """What the parts of a glob match in a folder, hidden or not."""
    if not pattern:
        yield folder
        return
    first, *rest = pattern
    if first == "**":
        paths: Iterable[Path] = _folders(folder, note)
    elif WILDCARD.search(first):
        paths = (path for path in _entries(folder, note) if fnmatchcase(path.name, first))
    else:
        paths = [folder / first] if _ask((folder / first).exists, note) else []
    for path in paths:
        if not rest or _ask(path.is_dir, note):
            yield from _select(path, rest, note)


def _entries(folder: Path, note: Note) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        note(error)
        return []


def _folders(root: Path, note: Note) -> Iterator[Path]:
    """A folder and all below it, also such as cannot be listed."""
    yield root
    for folder, names, _ in os.walk(root, onerror=note):
        paths = (Path(folder, name) for name in names)
        yield from (path for path in paths if not _ask(path.is_symlink, note))


def _files(root: Path, note: Note) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(folder, name) for name in names if not name.startswith(".")):
            if is_supported(path) and _ask(path.is_file, note):
                yield path


def _matches(parts: Sequence[str], pattern: Sequence[str], partly: bool = False) -> bool:
    """Whether a path, or a folder that it lies in, matches a glob, whose wildcards leave hidden names out.

    With `partly`, it is enough that something below the path may match.
    """
    if not pattern or (partly and not parts):
        return True
    first, *rest = pattern
    if first == "**" and _matches(parts, rest, partly):
        return True
    if not parts or (parts[0].startswith(".") and not first.startswith(".")):
        return False
    if first == "**":
        return _matches(parts[1:], pattern, partly)
    return fnmatchcase(parts[0], first) and _matches(parts[1:], rest, partly)
