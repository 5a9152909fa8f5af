"""BM25 by tantivy: numbered texts in, ranked numbers out.

User text never meets a query parser: it is analysed into terms, as the passages were, and the query is built of these.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import tantivy

WRITER_HEAP_BYTES = 64_000_000
LONGEST_TERM = 40
_ANALYZER = "lector_en"


def _english() -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for step in (
        tantivy.Filter.remove_long(LONGEST_TERM),
        tantivy.Filter.lowercase(),
        tantivy.Filter.stemmer("english"),
    ):
        builder = builder.filter(step)
    return builder.build()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("number", stored=False, indexed=True, fast=True)
    builder.add_text_field("title", stored=False, tokenizer_name=_ANALYZER)
    builder.add_text_field("text", stored=False, tokenizer_name=_ANALYZER)
    return builder.build()


class Bm25:
    """A tantivy index of (number, title, text); both fields count, stemmed as English."""

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._schema = _schema()
        self._analyzer = _english()
        index.register_tokenizer(_ANALYZER, self._analyzer)

    @classmethod
    def in_memory(cls) -> "Bm25":
        return cls(tantivy.Index(_schema()))

    @classmethod
    def at(cls, folder: Path) -> "Bm25":
        """Open the index in a folder, or make a new one there."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(tantivy.Index(_schema(), path=str(folder)))

    def update(self, add: Iterable[tuple[int, str, str]] = (), remove: Iterable[int] = ()) -> None:
        """Remove numbers, then add (number, title, text) rows, in one commit."""
        writer = self._index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
        for number in remove:
            writer.delete_documents_by_term("number", number)
        for number, title, text in add:
            document = tantivy.Document()
            document.add_integer("number", number)
            document.add_text("title", title)
            document.add_text("text", text)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    def search(self, question: str, limit: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """The best (number, BM25 score) pairs, best first; `among` restricts the search to these numbers."""
        terms = sorted(set(self._analyzer.analyze(question)))
        if not terms or limit < 1 or (among is not None and not among):
            return []
        should = [
            (tantivy.Occur.Should, tantivy.Query.term_query(self._schema, field, term))
            for term in terms
            for field in ("title", "text")
        ]
        query = tantivy.Query.boolean_query(should)
        if among is not None:
            allowed = tantivy.Query.term_set_query(self._schema, "number", list(among))
            query = tantivy.Query.boolean_query(
                [(tantivy.Occur.Must, query), (tantivy.Occur.Must, tantivy.Query.const_score_query(allowed, 0.0))]
            )
        searcher = self._index.searcher()
        hits = searcher.search(query, limit, count=False).hits
        numbers = searcher.fast_field_values("number", [address for _, address in hits])
        return [(int(number), float(score)) for number, (score, _) in zip(numbers, hits, strict=True)]
