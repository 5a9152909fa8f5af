"""One file on disk to the text of the document, or documents, in it.

The type is told by the file's suffix; `.gz` is looked through. What each type needs is in a module of its own.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from indexer import docx, html, markdown, pdf, plain, records
from indexer.converted import Converted
from indexer.decode import kind
from store.errors import InvalidInput, LectorError

__all__ = ["Converted", "convert", "is_supported"]

CONVERTERS: dict[str, Callable[[Path], Iterator[Converted]]] = {
    ".txt": plain.convert,
    ".text": plain.convert,
    ".rst": plain.convert,
    ".md": markdown.convert,
    ".markdown": markdown.convert,
    ".html": html.convert,
    ".htm": html.convert,
    ".xhtml": html.convert,
    ".pdf": pdf.convert,
    ".docx": docx.convert,
    ".csv": records.convert_csv,
    ".jsonl": records.convert_jsonl,
    ".ndjson": records.convert_jsonl,
}

# SQLite stops reading a string at NUL, and tokenizers cannot encode half of a surrogate pair.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_supported(path: Path) -> bool:
    """Whether `convert` knows the type of a file of this name."""
    return kind(path) in CONVERTERS


def convert(path: Path) -> Iterator[Converted]:
    """The documents in a file, one by one: one for most types, one a row for CSV, one a line for JSONL.

    Raises:
        InvalidInput: the file cannot be read, is damaged or encrypted, is of another type, or holds no text. Of a file
            with several documents, those before the bad one have been yielded by then.
    """
    suffix = kind(path)
    if suffix not in CONVERTERS:
        raise InvalidInput(
            f"{path}: files of type '{suffix or path.name}' are not supported; "
            f"give one of {', '.join(CONVERTERS)}, each also as .gz"
        )
    return _checked(path, CONVERTERS[suffix])


def _checked(path: Path, converter: Callable[[Path], Iterator[Converted]]) -> Iterator[Converted]:
    """Drop documents without text, and refuse a file that has no other."""
    empty = True
    try:
        for document in converter(path):
            if document.text and not document.text.isspace():
                empty = False
                yield _storable(document)
    except (LectorError, OSError):
        raise
    except Exception as error:  # parsers meet files that nobody has thought of; the job goes on with the next one
        reason = f"{type(error).__name__}: {error}"
        raise InvalidInput(f"{path}: cannot be read ({reason}); see whether it is whole") from error
    if empty:
        raise InvalidInput(
            f"{path}: there is no text in it; leave it out, or if it is a scan, put it through text recognition (OCR)"
        )


def _storable(document: Converted) -> Converted:
    """Each character that cannot be stored becomes U+FFFD: one for one, so that page offsets stay right."""
    return Converted(
        text=_clean(document.text),
        title=_clean(document.title),
        meta=_clean(document.meta),
        key=_clean(document.key),
        pages=document.pages,
    )


def _clean(value: Any) -> Any:
    """A text, or whatever texts stand in, without characters that cannot be stored."""
    match value:
        case str():
            return UNSTORABLE.sub("\ufffd", value)
        case dict():
            return {_clean(name): _clean(one) for name, one in value.items()}
        case list():
            return [_clean(one) for one in value]
    return value
