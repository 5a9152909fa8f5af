"""Files of every type, made for real, and what becomes of their text."""

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from indexer import decode
from indexer.convert import Converted, convert, is_supported
from store.errors import InvalidInput


def converted(path: Path, content: str | bytes) -> list[Converted]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(convert(path))


def text_of(path: Path, content: str | bytes) -> str:
    [document] = converted(path, content)
    return document.text


def refused(path: Path, content: str | bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        converted(path, content)
    assert str(path) in str(caught.value)
    return str(caught.value)


# --- types and bytes


@pytest.mark.parametrize(
    "name",
    ["a.txt", "a.RST", "a.md", "a.htm", "a.xhtml", "a.pdf", "a.pdf.gz", "a.txt.gz", "b.c.docx", "a.csv", "a.ndjson"],
)
def test_supported(name: str) -> None:
    assert is_supported(Path(name))


@pytest.mark.parametrize("name", ["a.epub", "a.log", "a", "a.gz", ".txt", "a.doc", "a.tar.gz"])
def test_not_supported(name: str) -> None:
    assert not is_supported(Path(name))
    with pytest.raises(InvalidInput, match=r"not supported; give one of \.txt"):
        convert(Path(name))


def test_text_keeps_its_form_and_is_called_after_its_file(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "notes.v2.txt", "\n  One\r\ntwo.\r\rThree.\n\n")
    assert document == Converted(text="One\ntwo.\n\nThree.", title="notes.v2")


def test_gzip_is_looked_through(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "notes.txt.gz", gzip.compress(b"Some text."))
    assert (document.text, document.title) == ("Some text.", "notes")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße", "utf-8"),
        ("Grüße", "utf-8-sig"),
        ("Grüße", "utf-16"),
        ("Grüße", "utf-32"),
        ("Le café était fermé, à côté de l'hôtel.", "cp1252"),
        ("A naïve reader", "latin-1"),
        ("Привет, как дела? Это простой текст.", "cp1251"),
        ("これは日本語のテキストです。とても長い文章。", "cp932"),
    ],
)
def test_encodings(tmp_path: Path, text: str, encoding: str) -> None:
    assert text_of(tmp_path / "a.txt", text.encode(encoding)) == text


def test_one_bad_byte_leaves_a_text_utf8(tmp_path: Path) -> None:
    assert text_of(tmp_path / "a.txt", "早上好。".encode() * 20 + b"\xff!") == "早上好。" * 20 + "\ufffd!"


def test_what_cannot_be_stored_is_replaced(tmp_path: Path) -> None:
    line = json.dumps({"text": "a\x00b\ud800c", "id": "\udfff", "title": "\x00", "k\x00": "\ud800"})
    [document] = converted(tmp_path / "a.jsonl", line)
    assert document == Converted("a\ufffdb\ufffdc", "\ufffd", {"k\ufffd": "\ufffd"}, key="\ufffd")
    assert text_of(tmp_path / "a.txt", "x" * 200 + "\x00y") == "x" * 200 + "\ufffdy"


def test_binary_data_is_no_text(tmp_path: Path) -> None:
    assert "not text" in refused(tmp_path / "a.txt", bytes(range(256)) * 40)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.csv", "a.jsonl"])
@pytest.mark.parametrize("content", ["", " \n\n"])
def test_file_without_text_is_refused(tmp_path: Path, name: str, content: str) -> None:
    assert "there is no text in it" in refused(tmp_path / name, content)


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b"text " * 1000)[:-20], b"\x1f\x8b\x08" + b"\x00" * 40])
def test_damaged_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "gzip data is damaged" in refused(tmp_path / "a.txt.gz", content)


def test_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_BYTES", 10_000)
    bomb = gzip.compress(b"a" * 1_000_000)
    assert "more than 10,000 bytes" in refused(tmp_path / "a.txt.gz", bomb)
    assert "more than 10,000 bytes" in refused(tmp_path / "a.jsonl.gz", bomb)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"missing\.txt: cannot be read \(No such file"):
        list(convert(tmp_path / "missing.txt"))


# --- HTML and Markdown

PAGE = """<!DOCTYPE html><html><head><title> The
 page </title><style>p {{color: red}}</style></head><body><nav><a href="/">Home</a></nav>
<header>Site name</header><main><h1>Guide<a href="#guide">¶</a></h1>
<p>First <b>bold</b> paragraph,
   wrapped.<!-- a comment --> It goes on.</p>{}<script>var x = 1;</script></main>
<footer>Imprint</footer></body></html>"""


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<ul><li>one</li><li><p>two</p></li></ul>", "- one\n- two"),
        ("<ol start=3><li>three<ul><li>inner</li></ul></li><li>four</li></ol>", "3. three\n- inner\n4. four"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td><p>c</p></td><td>d</td></tr></table>", "a | b\nc | d"),
        ("<table><tr><td></td><td>b</td></tr><tr><td>c</td><td></td></tr><tr><td>e</td></tr></table>", "b\nc\ne"),
        ("<pre>\ndef f():\n    return  1\n</pre>", "def f():\n    return  1"),
        ("<p>a<br>b<br><br>c &lt;d&gt;&nbsp;e</p>", "a\nb\n\nc <d> e"),
        ("<div>one<div>two</div>three</div>", "one\n\ntwo\n\nthree"),
        ("<dl><dt>term</dt><dd>meaning</dd></dl>", "term\n\nmeaning"),
    ],
)
def test_html_blocks(tmp_path: Path, markup: str, text: str) -> None:
    # The code makes sure that the page's own structure is followed.
    [document] = converted(tmp_path / "a.html", PAGE.format(markup + "<pre>end</pre>"))
    assert document.title == "The page"
    assert document.text == f"Guide\n\nFirst bold paragraph, wrapped. It goes on.\n\n{text}\n\nend"


def test_html_article_loses_what_is_around_it(tmp_path: Path) -> None:
    prose = [
        f"This is paragraph number {i}, and it says something that is of some length and interest." for i in range(9)
    ]
    menu = "".join(f"<div><a href='/{i}'>Menu entry {i}</a></div>" for i in range(30))
    page = f"<body><div>{menu}</div><article><h1>News</h1>{''.join(f'<p>{p}</p>' for p in prose)}</article></body>"
    text = text_of(tmp_path / "a.html", page)
    assert text == "\n\n".join(["News", *prose])


def test_html_reference_loses_nothing(tmp_path: Path) -> None:
    parts = [f"<h2>f{i}</h2><dl><dt>f{i}(x)</dt><dd>Returns the value number {i} of x.</dd></dl>" for i in range(40)]
    text = text_of(tmp_path / "a.html", f"<html><body>{''.join(parts)}</body></html>")
    assert all(f"Returns the value number {i} of x." in text and f"f{i}(x)" in text for i in range(40))


def test_html_charset_is_believed(tmp_path: Path) -> None:
    page = "<html><head><meta charset='{}'></head><body><p>Zażółć gęślą jaźń “x”</p></body></html>"
    assert text_of(tmp_path / "a.html", page.format("windows-1250").encode("cp1250")) == "Zażółć gęślą jaźń “x”"
    assert text_of(tmp_path / "a.html", page.format("iso-8859-2").encode()) == "Zażółć gęślą jaźń “x”"


def test_html_with_control_characters(tmp_path: Path) -> None:
    prose = "A sentence of some length, so that it counts as prose. " * 5
    assert text_of(tmp_path / "a.html", f"<p>one\x0ctwo<nav>x</nav>\x01&#1;&#x1F;&#65; {prose}").startswith(
        "one two A A sentence"
    )


def test_html_of_absurd_depth_is_read(tmp_path: Path) -> None:
    assert text_of(tmp_path / "a.html", "<ul><li>" * 500 + "text").endswith("text")


def test_xhtml_with_declaration(tmp_path: Path) -> None:
    page = '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Ö</h1></body></html>'
    [document] = converted(tmp_path / "a.xhtml", page)
    assert (document.title, document.text) == ("Ö", "Ö")


def test_markdown(tmp_path: Path) -> None:
    source = (
        "# The *title*\n\nSome **bold** [link](http://x.y) and `code` &amp;\nmore.\n\n- one\n- two\n\n"
        "```python\nif x:\n    y()\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n\n![picture](p.png)\n"
    )
    [document] = converted(tmp_path / "a.md", source)
    assert document.title == "The title"
    assert document.text == (
        "The title\n\nSome bold link and code & more.\n\n- one\n- two\n\nif x:\n    y()\n\na | b\n1 | 2\n\nquoted"
    )


def test_markdown_front_matter(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "a.md", "---\ntitle: Front\nyear: 2020\ntags: [a]\n---\n# Inside\n\nText.\n")
    assert document == Converted("Inside\n\nText.", "Front", {"year": 2020})


def test_markdown_ruler_is_no_front_matter(tmp_path: Path) -> None:
    assert text_of(tmp_path / "a.md", "---\nJust text.\n\n---\nMore.\n") == "Just text.\n\nMore."


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
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def test_docx_in_order_of_the_document(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "a.docx", word("Its title"))
    assert document.text == "The heading\n\nBefore the table.\n\na | b\nc | d\n\nAfter\tit.\n\nA control.\n\nNew"
    assert (document.title, document.meta) == ("Its title", {"author": "Somebody"})


def test_docx_without_properties_is_called_after_its_heading(tmp_path: Path) -> None:
    [document] = converted(tmp_path / "a.docx", word())
    assert document.title == "The heading"


def test_damaged_docx_is_refused(tmp_path: Path) -> None:
    assert "not a .docx file, or damaged" in refused(tmp_path / "a.docx", word()[:-200])
    other = io.BytesIO()
    with ZipFile(other, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert "damaged" in refused(tmp_path / "b.docx", other.getvalue())


# --- CSV and JSON Lines


def test_csv(tmp_path: Path) -> None:
    source = (
        'id,Title,text,year,price,code,note\nx,T,"One, ""two""\nthree",2020,1.5,007,\ny,,Four,2021,2,1,n\nz,,,1,1,1,m\n'
    )
    assert converted(tmp_path / "a.csv", source) == [
        Converted('One, "two"\nthree', "T", {"year": 2020, "price": 1.5, "code": "007"}, key="x"),
        Converted("Four", "a", {"year": 2021, "price": 2.0, "code": "1", "note": "n"}, key="y"),
    ]


def test_csv_with_semicolons_and_without_ids(tmp_path: Path) -> None:
    [one, two] = converted(tmp_path / "a.csv", "content;kind\nOne, two;a\nThree;b\n")
    assert (one.text, one.meta, one.key, two.key) == ("One, two", {"kind": "a"}, "2", "3")


def test_csv_takes_long_texts(tmp_path: Path) -> None:
    assert len(text_of(tmp_path / "a.csv", "text\n" + "word " * 100_000)) == 500_000


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("name,body\na,b\n", "no column 'text' or 'content' among name, body"),
        ("text,a\nx,1,2\n", "line 2 has 3 cells but the header 2"),
        ("text,id\nx,1\ny,1\n", "line 3 has the id '1' of line 2"),
        ('text\n"open', "line 2 is not CSV"),
    ],
)
def test_bad_csv_is_refused(tmp_path: Path, source: str, reason: str) -> None:
    assert reason in refused(tmp_path / "a.csv", source)


def test_jsonl(tmp_path: Path) -> None:
    lines = [
        {"id": 7, "text": "One", "title": "T", "meta": {"a": 1, "b": [1]}, "c": True, "d": None, "e": {"f": 1}},
        {"content": "Two", "g": 1.5, "a": "x"},
        {"text": "", "id": "empty"},
    ]
    assert converted(tmp_path / "a.ndjson", "\n\n".join(map(json.dumps, lines))) == [
        Converted("One", "T", {"a": 1, "c": True}, key="7"),
        Converted("Two", "a", {"g": 1.5, "a": "x"}, key="3"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{bad}", "line 2 is not JSON"),
        ("[1]", "line 2 is not a JSON object"),
        ('{"title": "x"}', "line 2: no 'text' or 'content'"),
        ('{"text": 5}', "line 2: 'text' is 5, not a string"),
        ('{"text": "x", "meta": 5}', "line 2: 'meta' is 5, not an object"),
        ('{"text": "x", "id": 1.5}', "line 2: 'id' is 1.5, not a string or an integer"),
        ('{"text": "x", "y": NaN}', "NaN is not a number"),
        ('{"text": "x", "id": "1"}', "line 2 has the id '1' of line 1"),
        ("[" * 100_000, "line 2 is not JSON"),
        ("\xff", "line 2 is not JSON"),
    ],
)
def test_bad_jsonl_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    assert reason in refused(tmp_path / "a.jsonl", b'{"text": "fine"}\n' + line.encode("latin-1"))
