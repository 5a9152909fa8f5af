"""PDF files, page by page.

A PDF holds glyphs and the places where they stand. pypdf makes lines of them; `indexer.paragraphs` puts the lines
together to running text.
"""

import math
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.converted import Converted
from indexer.decode import read, stem
from indexer.paragraphs import Line, join, without_running_titles
from store.errors import InvalidInput

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

SPACE_WIDTH = [32, [250]]  # of glyph 32, in thousandths of the font's size (ISO 32000, 9.7.4.3)


def convert(path: Path) -> Iterator[Converted]:
    """The document's text with the offset of each of its pages, and its author as metadata.

    Raises:
        InvalidInput: the file is damaged, or encrypted with a password.
    """
    reader = _open(path)
    try:
        pages = [_lines(page) for page in reader.pages]
        information = reader.metadata
        title, author = (information.title, information.author) if information else ("", "")
    except Exception as error:  # pypdf lets whatever a damaged object leads to pass through
        raise InvalidInput(f"{path}: the PDF is damaged ({error}); print or export it anew") from error
    text, starts = join(without_running_titles(pages))
    meta = {"author": str(author)} if author else {}
    yield Converted(text=text, title=" ".join(str(title or "").split()) or stem(path), meta=meta, pages=starts)


def _open(path: Path) -> "PdfReader":
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError

    data = read(path)
    try:
        reader = PdfReader(BytesIO(data))
        len(reader.pages)  # the first access that needs the password
    except (DependencyError, FileNotDecryptedError) as error:
        raise InvalidInput(f"{path}: the PDF is encrypted ({error}); save it without a password") from error
    except Exception as error:  # as above
        raise InvalidInput(f"{path}: not a PDF, or a damaged one ({error}); print or export it anew") from error
    return reader


def _lines(page: "PageObject") -> list[Line]:
    lines: list[Line] = []
    parts: list[str] = []
    where = (0.0, 0.0, 0.0)  # of the line's first text, and the size of its largest: x, y, size

    def collect(text: str, cm: list[float], tm: list[float], _font: Any, font_size: float) -> None:
        nonlocal where
        for i, part in enumerate(text.split("\n")):
            if i:
                lines.append(Line("".join(parts), *where))
                parts.clear()
            if part.strip():
                x, y, size = _place(cm, tm, font_size)
                where = (where[0], where[1], max(where[2], size)) if "".join(parts).strip() else (x, y, size)
            parts.append(part)

    _give_spaces(page)
    page.extract_text(visitor_text=collect)
    lines.append(Line("".join(parts), *where))
    return [line for line in lines if line.text.strip()]


def _place(cm: list[float], tm: list[float], font_size: float) -> tuple[float, float, float]:
    """Where on the page text starts and how high it is, in points: text matrix times page matrix (ISO 32000, 9.4.4)."""
    x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
    y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
    height = math.hypot(tm[2] * cm[0] + tm[3] * cm[2], tm[2] * cm[1] + tm[3] * cm[3])
    return x, y, abs(font_size) * height


def _give_spaces(page: "PageObject") -> None:
    """Tell pypdf how wide a space is in fonts that have no glyph for it, as XeTeX and LuaTeX embed them.

    It takes the width of glyph 32 for it, whichever that is: "=" or "m", so that words are glued together.
    """
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject

    resources = page.get("/Resources", DictionaryObject()).get_object()
    for reference in resources.get("/Font", DictionaryObject()).get_object().values():
        font = reference.get_object()
        if font.get("/Subtype") == "/Type0" and not _maps_space(font):
            descendant = font["/DescendantFonts"].get_object()[0].get_object()
            widths = list(descendant.get("/W", ArrayObject()).get_object())
            if widths[-2:] != SPACE_WIDTH:
                widths += [NumberObject(32), ArrayObject([NumberObject(250)])]
                descendant[NameObject("/W")] = ArrayObject(widths)


def _maps_space(font: Any) -> bool:
    to_unicode = font.get("/ToUnicode")
    return to_unicode is None or re.search(rb">\s*<0020>", to_unicode.get_object().get_data()) is not None
