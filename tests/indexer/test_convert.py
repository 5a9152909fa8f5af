"""Files of every type, their bytes and encodings, and what becomes of HTML and Markdown."""

import gzip
import json
from pathlib import Path

import pytest

from indexer import decode
from indexer.convert import Converted, convert, is_supported
from store.errors import InvalidInput
from tests.indexer.converting import converted, refused, text_of


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


@pytest.mark.parametrize("text", ["One letter was lost: na\ufffdve.", "Zoë paid 5 €; one letter was lost: na\ufffdve."])
def test_a_replacement_character_that_stands_in_a_text_does_not_change_its_encoding(tmp_path: Path, text: str) -> None:
    assert text_of(tmp_path / "a.txt", text) == text


def test_what_cannot_be_stored_is_replaced(tmp_path: Path) -> None:
    line = json.dumps(
        {"text": "a\x00b\ud800c", "id": "\udfff", "title": "\x00", "k\x00": "\ud800", "l": [{"\x00": "x"}]}
    )
    [document] = converted(tmp_path / "a.jsonl", line)
    meta = {"id": "\ufffd", "k\ufffd": "\ufffd", "l": [{"\ufffd": "x"}]}
    assert document == Converted("a\ufffdb\ufffdc", "\ufffd", meta, key="\ufffd")
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


def test_html_short_page_keeps_its_lines(tmp_path: Path) -> None:
    page = "<body><h1>Opening hours</h1><p>We open at nine.</p><ul><li>Monday</li><li>Friday</li></ul></body>"
    assert text_of(tmp_path / "a.html", page) == "Opening hours\n\nWe open at nine.\n\n- Monday\n- Friday"


@pytest.mark.parametrize("main", ["", "<div>Loading …</div>"])
def test_html_main_without_content_does_not_hide_what_is_beside_it(tmp_path: Path, main: str) -> None:
    page = f"<body><main>{main}</main><div><h1>Opening hours</h1><p>We open at nine.</p></div></body>"
    assert text_of(tmp_path / "a.html", page).endswith("Opening hours\n\nWe open at nine.")


def test_html_reference_loses_nothing(tmp_path: Path) -> None:
    parts = [f"<h2>f{i}</h2><dl><dt>f{i}(x)</dt><dd>Returns the value number {i} of x.</dd></dl>" for i in range(40)]
    text = text_of(tmp_path / "a.html", f"<html><body>{''.join(parts)}</body></html>")
    assert all(f"Returns the value number {i} of x." in text and f"f{i}(x)" in text for i in range(40))


def test_html_charset_is_believed(tmp_path: Path) -> None:
    page = "<html><head><meta charset='{}'></head><body><p>Zażółć gęślą jaźń “x”</p></body></html>"
    assert text_of(tmp_path / "a.html", page.format("windows-1250").encode("cp1250")) == "Zażółć gęślą jaźń “x”"
    assert text_of(tmp_path / "a.html", page.format("iso-8859-2").encode()) == "Zażółć gęślą jaźń “x”"


def test_html_in_seven_bits_is_read_as_it_declares(tmp_path: Path) -> None:
    page = "<html><head><meta charset='iso-2022-jp'></head><body><p>これは日本語です。</p></body></html>"
    assert text_of(tmp_path / "a.html", page.encode("iso2022_jp")) == "これは日本語です。"
    assert text_of(tmp_path / "b.html", page) == "これは日本語です。"


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
    [document] = converted(
        tmp_path / "a.md",
        "---\ntitle: Front\nyear: 2020\ntags: [a, {day: 2024-01-15, of: null}]\n---\n# Inside\n\nText.\n",
    )
    assert document == Converted("Inside\n\nText.", "Front", {"year": 2020, "tags": ["a", {"day": "2024-01-15"}]})


def test_markdown_front_matter_keeps_dates_as_text_that_filters_can_order(tmp_path: Path) -> None:
    source = "---\ndate: 2024-01-05\nat: 2024-01-05 10:00:00\n---\nText.\n"
    [document] = converted(tmp_path / "a.md", source)
    assert document.meta == {"date": "2024-01-05", "at": "2024-01-05T10:00:00"}


@pytest.mark.parametrize("value", ["2024-02-30", "0b_", "[" * 5000, "!!bool x"])
def test_markdown_front_matter_that_cannot_be_read_is_text(tmp_path: Path, value: str) -> None:
    assert text_of(tmp_path / "a.md", f"---\nkey: {value}\n---\nMore.\n").endswith("More.")


def test_markdown_ruler_is_no_front_matter(tmp_path: Path) -> None:
    assert text_of(tmp_path / "a.md", "---\nJust text.\n\n---\nMore.\n") == "Just text.\n\nMore."
