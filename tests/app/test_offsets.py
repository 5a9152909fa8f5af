"""Offsets are sacred: for every type of file, each answer is the document's text at its offsets."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import docx
import pytest

from indexer.job import index_files
from indexer.sources import find_files
from models.pipeline import QuestionAnswerer
from models.settings import Settings
from store.catalog import Catalog
from tests.progress import Counting

# Letters beyond the basic plane, combining marks, ligatures, right-to-left, no spaces, odd white space: offsets that
# count bytes, UTF-16 units or normalised letters all go wrong on it.
STORY = [
    "🗼🗼 Die Größe: the tower of Ålesund is ３１ metres high, said Zoë in the cafe\u0301 on the ﬁrst of May 1904.",
    "مرحبا بالعالم. The visitor from Cairo paid 5,000\u00a0£ to the keeper\u2009—\u2009Jürgen Müller-Lüdenscheidt.",
    "東京タワーは1958年に完成した。The Tokyo tower was finished in 1958 👩‍👩‍👧‍👦 by engineers of Tachū Naitō.",
]
LONG = [f"Paragraph {number} speaks of nothing in particular, but it does so at length. " * 6 for number in range(60)]
QUESTIONS = ["How high is the tower?", "Who is the keeper?", "When was the Tokyo tower finished?", "What did Zoë say?"]


def text_file(path: Path) -> None:
    path.write_text("\n\n".join([*LONG, *STORY]), encoding="utf-8")


def utf16_file(path: Path) -> None:
    path.write_text("\r\n\r\n".join(STORY), encoding="utf-16")


def markdown_file(path: Path) -> None:
    path.write_text("# Towers\n\n" + "\n\n".join(f"* **{line}**" for line in STORY), encoding="utf-8")


def html_file(path: Path) -> None:
    body = "".join(f"<p>{line.replace('5,000', '<b>5,000</b>')}</p>" for line in [*LONG[:5], *STORY])
    path.write_text(f"<html><head><title>Towers</title></head><body><main>{body}</main></body></html>", "utf-8")


def docx_file(path: Path) -> None:
    document = docx.Document()
    for line in [*LONG[:5], *STORY]:
        document.add_paragraph(line)
    document.save(str(path))


def csv_file(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "text"])
        writer.writerows([str(number), "Towers", line] for number, line in enumerate(STORY))


def jsonl_file(path: Path) -> None:
    lines = [json.dumps({"id": str(number), "text": line}) for number, line in enumerate(STORY)]
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines))


def pdf_file(path: Path) -> None:
    """Two pages of Latin text, as small as a PDF can be."""
    pages = [LONG[0][:80], "The tower of Alesund is 31 metres high. The keeper is Jan Muller. It was finished in 1958."]
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [4 0 R 6 0 R] /Count 2 >>"]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, line in enumerate(pages):
        stream = f"BT /F1 10 Tf 40 700 Td ({line}) Tj ET".encode()
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (5 + 2 * number)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    file = io.BytesIO(b"")
    file.write(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    table = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.writelines(b"%010d 00000 n \n" % place for place in places)
    file.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    path.write_bytes(file.getvalue())


FILES: dict[str, Callable[[Path], None]] = {
    "long.txt": text_file,
    "utf16.txt": utf16_file,
    "list.md": markdown_file,
    "page.html": html_file,
    "letter.docx": docx_file,
    "rows.csv": csv_file,
    "lines.jsonl.gz": jsonl_file,
    "paper.pdf": pdf_file,
}


@pytest.fixture(scope="module")
def answerer(tmp_path_factory: pytest.TempPathFactory) -> QuestionAnswerer:
    return QuestionAnswerer.load(Settings(data=tmp_path_factory.mktemp("data")))


@pytest.mark.parametrize("name", FILES)
def test_every_answer_is_the_text_at_its_offsets(name: str, tmp_path: Path, answerer: QuestionAnswerer) -> None:
    FILES[name](tmp_path / name)
    catalog = Catalog(tmp_path / "data", answerer.encoder.identity)
    collection = catalog.get("default", create=True)
    report = index_files(collection, answerer.encoder, find_files([str(tmp_path / name)]), Counting())
    assert report.failed == {}
    answers = [
        answer
        for question in QUESTIONS
        for answer in answerer.ask(collection, question, top_k=50, min_confidence=0).answers
    ]
    assert len(answers) >= len(QUESTIONS)
    for answer in answers:
        passage = answer.retrieved.passage
        text = collection.document_text(passage.document.id)
        assert text[answer.start : answer.end] == answer.text
        assert text[passage.start : passage.end] == passage.text
        assert passage.start <= answer.start < answer.end <= passage.end
        for place in answer.also_found_in:
            assert collection.document_text(place.document)[place.start : place.end]
    if name == "paper.pdf":
        assert {answer.retrieved.passage.page for answer in answers} <= {1, 2}
    catalog.close()
