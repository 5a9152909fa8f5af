"""Documents as they are found: the Debian Policy in HTML, text and gzipped PDF, where the package is installed."""

import json
from pathlib import Path

import pytest

from indexer.job import index_files
from indexer.sources import find_files
from models.normalization import normalize_answer
from models.pipeline import QuestionAnswerer
from models.settings import Settings
from store.catalog import Catalog
from tests.progress import Counting

POLICY = Path("/usr/share/doc/debian-policy")
FILES = [
    "policy.html/ch-archive.html",
    "policy.html/ch-controlfields.html",
    "policy.html/ch-source.html",
    "policy.html/ch-docs.html",
    "policy.html/ch-opersys.html",
    "copyright-format-1.0.txt.gz",
    "fhs/fhs-3.0.pdf.gz",
]
QUESTIONS = json.loads((Path(__file__).parent.parent / "data" / "policy_questions.json").read_text(encoding="utf-8"))


@pytest.mark.skipif(not POLICY.is_dir(), reason="Debian's package debian-policy is not installed")
def test_questions_about_packaging_are_answered_from_the_policy(tmp_path: Path) -> None:
    answerer = QuestionAnswerer.load(Settings(data=tmp_path))
    catalog = Catalog(tmp_path, answerer.encoder.identity)
    collection = catalog.get("policy", create=True)
    report = index_files(collection, answerer.encoder, find_files([str(POLICY / file) for file in FILES]), Counting())
    assert (report.indexed, report.failed) == (len(FILES), {})
    wrong = {}
    for asked in QUESTIONS["answerable"]:
        answer = answerer.ask(collection, asked["question"], min_confidence=0).answers[0]
        text = collection.document_text(answer.retrieved.passage.document.id)
        assert text[answer.start : answer.end] == answer.text
        if answer.retrieved.passage.document.source.endswith(".pdf.gz"):
            assert answer.retrieved.passage.page is not None
        if normalize_answer(answer.text) not in map(normalize_answer, asked["answers"]):
            wrong[asked["question"]] = answer.text
    assert len(wrong) <= 1, wrong
    catalog.close()
