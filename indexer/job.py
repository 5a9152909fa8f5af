"""The indexing job: sources in, documents with embedded passages in a collection out.

Every batch is one transaction, a source counts as done only when the last of its documents is written, and documents
that are stored as they would be written are passed over. So a job that is interrupted, by Ctrl-C or `kill -9`, has lost
nothing that it wrote, and the next one goes on where it ended.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from indexer import demo
from indexer.convert import Converted, convert
from indexer.sources import Found, covers, is_gone, printable
from indexer.split import Passage, split
from models.encoder import Encoder
from store.collection import Collection
from store.errors import InvalidInput, LectorError
from store.records import NewDocument, NewPassage

WORDS = 100  # of a passage
OVERLAP = 20  # words that a passage shares with the one before
CONVERSION = 5  # to be raised when converted text or passages change, so that files are read again
PASSAGES_AT_ONCE = 64


class Progress(Protocol):
    """What a job tells about itself while it runs."""

    def start(self, total: int) -> None: ...

    def source(self, name: str) -> None: ...

    def passages(self, count: int) -> None: ...

    def done(self) -> None: ...


@dataclass
class Report:
    """What a job did."""

    indexed: int = 0  # sources
    unchanged: int = 0  # sources
    documents: int = 0
    passages: int = 0
    deleted: int = 0  # documents
    failed: dict[str, str] = field(default_factory=dict)  # source, or folder: reason


@dataclass(frozen=True)
class Source:
    """Something that gives documents, and a fingerprint that changes when they would."""

    name: str
    fingerprint: str
    documents: Iterable[Converted]


def index_files(
    collection: Collection,
    encoder: Encoder,
    found: Found,
    progress: Progress,
    *,
    sync: bool = False,
    allow_empty: bool = False,
) -> Report:
    """Index files; those that have not changed are skipped, and with `sync` those that are gone are deleted.

    A file or folder that cannot be read is reported and the job goes on; what the collection held of it stays. So does
    what it held of a path at which there is no file at all any more, since that may be a disk that is not mounted,
    unless `allow_empty`.
    """
    report = Report(failed={printable(path): reason for path, reason in found.unreadable.items()})
    if not allow_empty:
        report.failed |= dict.fromkeys(found.absent, "no file, folder or glob match there")
    progress.start(len(found.files))
    for path in found.files:
        progress.source(printable(path))
        try:
            if printable(path) != str(path):
                raise InvalidInput("its name is not UTF-8; rename it")
            source = Source(str(path), _fingerprint(path), convert(path))
            _index_source(collection, encoder, source, progress, report)
        except (LectorError, OSError) as error:
            report.failed[printable(path)] = str(error)
        progress.done()
    if sync:
        _delete_gone(collection, found, allow_empty, report)
    return report


def _delete_gone(collection: Collection, found: Found, allow_empty: bool, report: Report) -> None:
    present = {str(path) for path in found.files}
    gone = [name for name in collection.source_names() if name not in present and covers(found.paths, name)]
    gone = [name for name in gone if is_gone(name) and not _below(found.unreadable, name)]
    held = [path for path in found.paths if allow_empty or path not in found.empty]
    for name in gone:
        if covers(held, name):
            report.deleted += collection.delete_source(name)
    for path in found.empty:
        if left := [name for name in gone if covers([path], name) and not covers(held, name)]:
            report.failed[path] = (
                f"no file is there any more; what was indexed, {len(left)}, stays. If all were deleted on purpose, say "
                "--allow-empty"
            )


def _below(folders: Iterable[Path], source: str) -> bool:
    return any(Path(source).is_relative_to(folder) for folder in folders)


def index_demo(collection: Collection, encoder: Encoder, progress: Progress) -> Report:
    """Index Python's language reference."""
    report = Report()
    progress.start(1)
    progress.source(demo.SOURCE)
    source = Source(demo.SOURCE, f"{demo.fingerprint()}:{_settings()}", demo.convert_topics())
    _index_source(collection, encoder, source, progress, report)
    progress.done()
    return report


def _index_source(collection: Collection, encoder: Encoder, source: Source, progress: Progress, report: Report) -> None:
    if collection.source_fingerprint(source.name) == source.fingerprint:
        report.unchanged += 1
        return
    stored = collection.fingerprints(source.name)
    ids: list[str] = []

    def changed() -> Iterator[NewDocument]:
        for number, converted in enumerate(source.documents):
            id_, fingerprint = _identify(source, number, converted)
            ids.append(id_)
            if stored.get(id_) != fingerprint:
                yield _embed(source.name, id_, fingerprint, converted, encoder, progress)

    for documents in _grouped(changed()):
        collection.write(documents)
        report.documents += len(documents)
        report.passages += sum(len(document.passages) for document in documents)
    report.deleted += collection.finish_source(source.name, source.fingerprint, ids)
    report.indexed += 1


def _identify(source: Source, number: int, converted: Converted) -> tuple[str, str]:
    """A document's id, the same at every run, and a fingerprint that changes with anything that is stored of it."""
    id_ = hashlib.sha256(f"{source.name}\0{converted.key or number}".encode()).hexdigest()[:24]
    content = json.dumps([_settings(), converted.text, converted.title, converted.meta, converted.pages])
    return id_, hashlib.sha256(content.encode()).hexdigest()


def _embed(
    source: str, id_: str, fingerprint: str, converted: Converted, encoder: Encoder, progress: Progress
) -> NewDocument:
    passages = []
    parts = split(converted.text, WORDS, OVERLAP, converted.pages)
    for begin in range(0, len(parts), PASSAGES_AT_ONCE):
        some = parts[begin : begin + PASSAGES_AT_ONCE]
        texts = [converted.text[part.start : part.end] for part in some]
        for part, embedding in zip(some, encoder.encode(texts, _titles(converted.title, some)), strict=True):
            passages.append(NewPassage(part.start, part.end, embedding, _page(converted.pages, part.start)))
        progress.passages(len(some))
    return NewDocument(
        id=id_,
        text=converted.text,
        passages=tuple(passages),
        title=converted.title,
        source=source,
        meta=converted.meta,
        fingerprint=fingerprint,
    )


def _titles(title: str, passages: Sequence[Passage]) -> list[str]:
    """What passages are embedded with: their document's title, and the heading of the section that they go on with."""
    return ["\n".join(dict.fromkeys(filter(None, (title, passage.heading)))) for passage in passages]


def _grouped(documents: Iterable[NewDocument]) -> Iterator[list[NewDocument]]:
    group: list[NewDocument] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.passages)
        if size >= PASSAGES_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}:{_settings()}"


def _settings() -> str:
    return f"{CONVERSION}:{WORDS}:{OVERLAP}"


def _page(pages: Sequence[int], start: int) -> int | None:
    """The page, counted from 1, on which a passage starts."""
    return sum(1 for page in pages if page <= start) or None
