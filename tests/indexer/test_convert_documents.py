"""PDF and Word files, made for real, and what becomes of their text."""

import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE as RT
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from tests.indexer.converting import converted, refused, text_of

# --- PDF


def pdf(pages: Sequence[Sequence[tuple[str, float, float]]], title: str = "", password: str = "") -> bytes:
    """A PDF with lines of (text, y, font size)."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
            NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
        }
    )
    fonts = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): writer._add_object(font)})})
    for lines in pages:
        page = writer.add_blank_page(600, 800)
        page[NameObject("/Resources")] = fonts
        stream = DecodedStreamObject()
        shown = (f"BT /F1 {size} Tf 1 0 0 1 50 {y} Tm ({text}) Tj ET" for text, y, size in lines)
        stream.set_data("\n".join(shown).encode("latin-1"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title:
        writer.add_metadata({"/Title": title, "/Author": "Somebody"})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


TWO_PAGES = [
    [
        ("A heading", 740, 18),
        ("The first line ends with an exam-", 700, 10),
        ("ple and the second ends", 688, 10),
        ("here. A new paragraph follows.", 676, 10),
        ("It is here, and it goes on to the next page with", 640, 10),
    ],
    [("more words on the second page.", 740, 10), ("The end.", 700, 10)],
]


def test_pdf(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "a.pdf.gz", gzip.compress(pdf(TWO_PAGES, title="Its title")))
    assert document.text == (
        "A heading\n\nThe first line ends with an example and the second ends here. A new paragraph follows.\n\n"
        "It is here, and it goes on to the next page with more words on the second page.\n\nThe end."
    )
    assert document.title == "Its title"
    assert document.meta == {"author": "Somebody"}
    assert document.pages == (0, document.text.index("more words"))


def test_pdf_page_without_text_starts_where_the_next_does(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "a.pdf", pdf([[], [("One page.", 700, 10)], [], [("Another.", 700, 10)], []]))
    assert (document.title, document.text, document.pages) == ("a", "One page.\n\nAnother.", (0, 0, 11, 11, 19))


def test_pdf_hyphen_stays_where_it_belongs(tmp_path: Path) -> None:
    lines = ["A well-known fact is well-", "known, so it is in the co-", "Operation of the north/", "south line."]
    page = [(line, 700 - 12 * i, 10) for i, line in enumerate(lines)]
    expected = "A well-known fact is well-known, so it is in the co-Operation of the north/south line."
    assert text_of(tmp_path / "a.pdf", pdf([page])) == expected


def test_pdf_running_titles_and_page_numbers_are_dropped(tmp_path: Path) -> None:
    words = ["one", "two", "three", "four"]
    pages = [
        [
            ("The book", 780, 10),
            (f"This long line on page {word} goes on and on and on to the", 700, 10),
            (f"next line, which tells of {word} more things.", 688, 10),
            (f"Total {i * 7}", 60, 10),
            (f"{i + 5}", 40, 10),
        ]
        for i, word in enumerate(words)
    ]
    text = text_of(tmp_path / "a.pdf", pdf(pages))
    assert text.count("The book") == 1
    assert text.endswith("more things.\n\nTotal 21")
    assert [f"Total {i * 7}" in text for i in range(4)] == [True] * 4


def test_pdf_without_text_is_refused(tmp_path: Path) -> None:
    assert "OCR" in refused(tmp_path / "scan.pdf", pdf([[], []]))


def test_encrypted_pdf_is_refused(tmp_path: Path) -> None:
    assert "encrypted" in refused(tmp_path / "a.pdf", pdf(TWO_PAGES, password="secret"))


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\nnothing more", pdf(TWO_PAGES)[:300]])
def test_damaged_pdf_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "damaged" in refused(tmp_path / "a.pdf", content)


# --- Word


def word(title: str = "") -> bytes:
    document = docx.Document()
    document.core_properties.title, document.core_properties.author = title, "Somebody"
    document.add_heading("The heading", level=0)
    paragraph = document.add_paragraph("Before the ")
    paragraph.add_run("table.").bold = True
    table = document.add_table(rows=2, cols=2)
    for i, text in enumerate(["a", "b", "c", "d"]):
        table.cell(i // 2, i % 2).text = text
    document.add_paragraph("After\tit.")
    control = f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>A control.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    document.element.body.insert(-1, parse_xml(control))
    inserted = "<w:ins><w:r><w:t>New</w:t></w:r></w:ins><w:del><w:r><w:delText>Old</w:delText></w:r></w:del>"
    document.element.body.insert(-1, parse_xml(f"<w:p {nsdecls('w')}>{inserted}</w:p>"))
    moved = "<w:move{0}><w:r><w:t>Moved.</w:t></w:r></w:move{0}>"
    document.element.body.insert(-1, parse_xml(f"<w:p {nsdecls('w')}>{moved.format('From')}</w:p>"))
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    row = f"<w:tr>{cell.format('e')}<w:sdt><w:sdtContent>{cell.format('f')}</w:sdtContent></w:sdt></w:tr>"
    table._tbl.append(parse_xml(f"<w:sdt {nsdecls('w')}><w:sdtContent>{row}</w:sdtContent></w:sdt>"))
    document.element.body.insert(-1, parse_xml(f"<w:p {nsdecls('w')}>{moved.format('To')}</w:p>"))
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def test_docx_in_order_of_the_document(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "a.docx", word("Its title"))
    assert (
        document.text
        == "The heading\n\nBefore the table.\n\na | b\nc | d\ne | f\n\nAfter\tit.\n\nA control.\n\nNew\n\nMoved."
    )
    assert (document.title, document.meta) == ("Its title", {"author": "Somebody"})


def test_docx_without_title_is_called_after_its_heading(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "a.docx", word())
    assert document.title == "The heading"


def test_docx_without_properties_is_called_after_its_heading_and_has_no_author(tmp_path: Path) -> None:
    file = docx.Document(io.BytesIO(word("Its title")))
    (relation,) = (key for key, value in file.part.package.rels.items() if value.reltype == RT.CORE_PROPERTIES)
    del file.part.package.rels[relation]  # what no relation leads to is not saved
    file.save(str(tmp_path / "bare.docx"))
    [document] = converted(tmp_path / "a.docx", (tmp_path / "bare.docx").read_bytes())
    assert (document.title, document.meta) == ("The heading", {})


def test_damaged_docx_is_refused(tmp_path: Path) -> None:
    assert "not a .docx file, or damaged" in refused(tmp_path / "a.docx", word()[:-200])
    other = io.BytesIO()
    with ZipFile(other, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert "damaged" in refused(tmp_path / "b.docx", other.getvalue())
