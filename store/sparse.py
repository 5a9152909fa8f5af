"""The sparse view: BM25 over titles and texts by passage number, kept by tantivy on disk (or in memory).

User text never meets a query parser: it is analysed into terms, as the passages were, and the query is built of these.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import tantivy

from store.records import Hit

WRITER_HEAP_BYTES = 64_000_000
LONGEST_TERM = 40
_ANALYZER = "lector_en"
_MARK = -1  # the number of the one document that carries the last change


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
    builder.add_integer_field("change", stored=False, fast=True)
    builder.add_text_field("title", stored=False, tokenizer_name=_ANALYZER)
    builder.add_text_field("text", stored=False, tokenizer_name=_ANALYZER)
    return builder.build()


class SparseView:
    """A tantivy index of (number, title, text), stemmed as English, and the number of the last change it has seen.

    The change number is committed together with the texts, as a document of its own, so the two cannot fall apart.
    """

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._schema = _schema()
        self._analyzer = _english()
        index.register_tokenizer(_ANALYZER, self._analyzer)
        self.reload()

    @classmethod
    def in_memory(cls) -> "SparseView":
        return cls(tantivy.Index(_schema()))

    @classmethod
    def at(cls, folder: Path) -> "SparseView":
        """Open the index in a folder, or make a new one there.

        Raises:
            ValueError: what lies there is damaged, or of another schema.
        """
        folder.mkdir(parents=True, exist_ok=True)
        return cls(tantivy.Index(_schema(), path=str(folder)))

    def reload(self) -> None:
        """See what another process has committed."""
        self._index.reload()
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.term_query(self._schema, "number", _MARK), 1, count=False).hits
        marks = searcher.fast_field_values("change", [address for _, address in hits])
        self.change = int(marks[0] or 0) if marks else 0

    def apply(self, added: Iterable[tuple[int, str, str]], removed: Iterable[int] = (), change: int = 0) -> None:
        """Remove numbers, add (number, title, text) rows and move on to `change`, in one commit."""
        writer = self._index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
        for number in (_MARK, *removed):
            writer.delete_documents_by_term("number", number)
        for number, title, text in added:
            document = tantivy.Document()
            document.add_integer("number", number)
            document.add_text("title", title)
            document.add_text("text", text)
            writer.add_document(document)
        mark = tantivy.Document()
        mark.add_integer("number", _MARK)
        mark.add_integer("change", change)
        writer.add_document(mark)
        writer.commit()
        writer.wait_merging_threads()
        self.reload()

    def search(self, question: str, limit: int, among: Sequence[int] | None = None) -> list[Hit]:
        """The passages with the best BM25 scores, best first.

        `among` restricts the search, before it ranks, to these numbers.
        """
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
        return [Hit(int(number or 0), float(score)) for number, (score, _) in zip(numbers, hits, strict=True)]
