"""Word documents: paragraphs and tables in the order of the document."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from indexer.converted import Converted
from indexer.decode import MAX_BYTES, read, stem
from store.errors import InvalidInput

if TYPE_CHECKING:
    from docx.document import Document

CORE_PROPERTIES = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# A text box is stored twice, for new programs and as the first of these for old ones; moved text is, too, under review.
SECOND = ("{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback", f"{W}moveFrom")
# What stands around blocks, rows and cells and is none itself: content controls, and insertions under review.
AROUND = {f"{W}sdt", f"{W}sdtContent", f"{W}customXml", f"{W}ins", f"{W}moveTo"}
SPACES = {f"{W}tab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-", f"{W}p": "\n"}


def convert(path: Path) -> Iterator[Converted]:
    """The document's text, tables with a line a row; headers, footers and footnotes are left out.

    Raises:
        InvalidInput: the file is damaged, encrypted or of the older .doc format.
    """
    document = _open(path)
    blocks = [text for block in _blocks(document.element.body) if (text := block.strip())]
    title, author = _properties(document)
    heading = next((p.text for p in document.paragraphs if p.style and p.style.name == "Title"), "")
    yield Converted(
        text="\n\n".join(blocks),
        title=title.strip() or heading.strip() or stem(path),
        meta={"author": author} if author else {},
    )


def _properties(document: "Document") -> tuple[str, str]:
    """Title and author, each "" where the document states none."""
    # Where a file has no properties, python-docx invents some, with the title "Word Document".
    if all(relation.reltype != CORE_PROPERTIES for relation in document.part.package.rels.values()):
        return "", ""
    return document.core_properties.title, document.core_properties.author


def _open(path: Path) -> "Document":
    from docx import Document

    data = read(path)
    try:
        with ZipFile(BytesIO(data)) as archive:
            size = sum(part.file_size for part in archive.infolist())
        if size <= MAX_BYTES:
            return Document(BytesIO(data))
    except BadZipFile as error:
        raise InvalidInput(
            f"{path}: not a .docx file, or damaged or encrypted ({error}); save it anew as .docx, without a password"
        ) from error
    except Exception as error:  # python-docx lets whatever its parts raise pass through
        raise InvalidInput(f"{path}: damaged ({error}); save it anew as .docx") from error
    raise InvalidInput(f"{path}: {size:,} bytes after decompression, more than {MAX_BYTES:,}; split it")


def _blocks(parent: Any) -> Iterator[str]:
    for element in _inside(parent, f"{W}p", f"{W}tbl"):
        if element.tag == f"{W}p":
            yield _paragraph(element)
        else:
            yield "\n".join(_row(row) for row in _inside(element, f"{W}tr"))


def _inside(parent: Any, *tags: str) -> Iterator[Any]:
    # Not python-docx's own iteration, which leaves out what content controls and insertions under review hold.
    for element in parent:
        if element.tag in tags:
            yield element
        elif element.tag in AROUND:
            yield from _inside(element, *tags)


def _row(row: Any) -> str:
    return " | ".join(" ".join(" ".join(_blocks(cell)).split()) for cell in _inside(row, f"{W}tc"))


def _paragraph(paragraph: Any) -> str:
    return "".join(
        SPACES.get(element.tag) or element.text or ""
        for element in paragraph.iterdescendants(f"{W}t", *SPACES)
        if next(element.iterancestors(*SECOND), None) is None
    )
