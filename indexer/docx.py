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

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# A text box is stored twice: for new programs, and as this for old ones.
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
SPACES = {f"{W}tab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-", f"{W}p": "\n"}


def convert(path: Path) -> Iterator[Converted]:
    """The document's text, tables with a line a row; headers, footers and footnotes are left out.

    Raises:
        InvalidInput: the file is damaged, encrypted or of the older .doc format.
    """
    document = _open(path)
    blocks = [text for block in _blocks(document.element.body) if (text := block.strip())]
    properties = document.core_properties
    heading = next((p.text for p in document.paragraphs if p.style and p.style.name == "Title"), "")
    yield Converted(
        text="\n\n".join(blocks),
        title=properties.title.strip() or heading.strip() or stem(path),
        meta={"author": properties.author} if properties.author else {},
    )


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
    # Not python-docx's own iteration, which leaves out content controls, insertions under review and text boxes.
    for element in parent:
        if element.tag == f"{W}p":
            yield _paragraph(element)
        elif element.tag == f"{W}tbl":
            yield "\n".join(_row(row) for row in element.iterchildren(f"{W}tr"))
        elif element.tag in {f"{W}sdt", f"{W}sdtContent", f"{W}customXml", f"{W}ins"}:
            yield from _blocks(element)


def _row(row: Any) -> str:
    return " | ".join(" ".join(" ".join(_blocks(cell)).split()) for cell in row.iterchildren(f"{W}tc"))


def _paragraph(paragraph: Any) -> str:
    return "".join(
        SPACES.get(element.tag) or element.text or ""
        for element in paragraph.iterdescendants(f"{W}t", *SPACES)
        if next(element.iterancestors(FALLBACK), None) is None
    )
