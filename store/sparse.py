"""The sparse view: BM25 over titles and texts by passage number, kept by tantivy on disk (or in memory).

User text never meets a query parser: it is analysed into terms, as the passages were, and the query is built of these.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tantivy

from store import seal
from store.errors import InvalidInput
from store.nearest import Numbers
from store.records import Hit
from store.stop_words import stop_words

DEFAULT_LANGUAGE = "english"
WRITER_HEAP_BYTES = 64_000_000
LONGEST_TERM = 40
MOST_LISTED = 5_000  # numbers that a query can name without becoming slow
_MARK = -1  # the number of the one document that carries the last change


def analyzer(language: str, left_out: Sequence[str] = ()) -> tantivy.TextAnalyzer:
    """What makes terms of a text: words in lower case, cut to their stems ("none": as they are).

    Words that are `left_out`, as they are written, make no terms.

    Raises:
        InvalidInput: there is no stemmer for the language.
    """
    steps = [tantivy.Filter.remove_long(LONGEST_TERM), tantivy.Filter.custom_stopword(list(left_out))]
    steps.append(tantivy.Filter.lowercase())
    if language != "none":
        steps.append(tantivy.Filter.stemmer(language))
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    try:
        for step in steps:
            builder = builder.filter(step)
    except ValueError as error:
        raise InvalidInput(
            f"there is no stemmer for the language {language!r}; use a language's English name, such as 'german', "
            "or 'none'"
        ) from error
    return builder.build()


def _schema(language: str) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("number", stored=False, indexed=True, fast=True)
    builder.add_integer_field("change", stored=False, fast=True)
    builder.add_text_field("title", stored=False, tokenizer_name=_tokenizer(language))
    builder.add_text_field("text", stored=False, tokenizer_name=_tokenizer(language))
    return builder.build()


def _tokenizer(language: str) -> str:
    return f"lector_{language}"


def _made_for(folder: Path, language: str) -> bool:
    """Whether the index in a folder is of a language. An open index does not notice that another has replaced it."""
    try:
        return json.dumps(_tokenizer(language)).encode() in (folder / "meta.json").read_bytes()
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class SparseView:
    """The texts of one generation, by passage number; later changes of the index do not touch it."""

    change: int
    _searcher: Any
    _schema: Any
    _analyzer: Any
    _question_analyzer: Any

    def search(self, question: str, limit: int, among: Numbers | None = None, title_weight: float = 1.0) -> list[Hit]:
        """The passages with the best BM25 scores, best first.

        A word in a title counts `title_weight` times. Stop words do not count, unless the question has no others.
        `among` restricts the search, before it ranks, to these numbers, which rise. A few are named in the query; of
        many, hits are taken from the top until enough of them are among the numbers, which gives the same.
        """
        terms = sorted(set(self._question_analyzer.analyze(question) or self._analyzer.analyze(question)))
        if not terms or limit < 1 or (among is not None and not len(among)):
            return []
        query = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Should, self._weighted(field, term, weight))
                for term in terms
                for field, weight in (("title", title_weight), ("text", 1.0))
                if weight
            ]
        )
        if among is None:
            return self._best(query, limit)
        if len(among) <= MOST_LISTED:
            allowed = tantivy.Query.term_set_query(self._schema, "number", among.tolist())
            must = [(tantivy.Occur.Must, query), (tantivy.Occur.Must, tantivy.Query.const_score_query(allowed, 0.0))]
            return self._best(tantivy.Query.boolean_query(must), limit)
        depth = 2 * limit * max(self._searcher.num_docs // len(among), 1)
        while True:
            hits = self._best(query, depth)
            kept = np.isin([hit.number for hit in hits], among)
            if int(kept.sum()) >= limit or len(hits) < depth:
                return [hit for hit, keep in zip(hits, kept, strict=True) if keep][:limit]
            depth *= 8

    def _weighted(self, field: str, term: str, weight: float) -> tantivy.Query:
        query = tantivy.Query.term_query(self._schema, field, term)
        return query if weight == 1 else tantivy.Query.boost_query(query, weight)

    def _best(self, query: tantivy.Query, limit: int) -> list[Hit]:
        hits = self._searcher.search(query, min(limit, max(self._searcher.num_docs, 1)), count=False).hits
        numbers = self._searcher.fast_field_values("number", [address for _, address in hits])
        return [Hit(int(number or 0), float(score)) for number, (score, _) in zip(numbers, hits, strict=True)]


class SparseIndex:
    """A tantivy index of (number, title, text), and the number of the last change it has seen.

    The change number is committed together with the texts, as a document of its own, so the two cannot fall apart.
    """

    def __init__(self, index: tantivy.Index, language: str, folder: Path | None = None) -> None:
        self.language = language
        self._index = index
        self._folder = folder
        self._schema = _schema(language)
        self._analyzer = analyzer(language)
        self._question_analyzer = analyzer(language, stop_words(language))
        index.register_tokenizer(_tokenizer(language), self._analyzer)
        self.view = self._committed()

    @classmethod
    def in_memory(cls, language: str = DEFAULT_LANGUAGE) -> "SparseIndex":
        return cls(tantivy.Index(_schema(language)), language)

    @classmethod
    def at(cls, folder: Path, language: str = DEFAULT_LANGUAGE) -> "SparseIndex":
        """Open the index in a folder, or make a new one where there is no folder.

        Raises:
            ValueError: what lies there is damaged, or of another schema or language.
        """
        if folder.is_dir():
            seal.check(folder)
            return cls(tantivy.Index(_schema(language), path=str(folder)), language, folder)
        folder.mkdir(parents=True)
        index = tantivy.Index(_schema(language), path=str(folder))
        seal.write(folder)
        return cls(index, language, folder)

    def reload(self) -> SparseView:
        """See what has been committed, also by another process. While that one makes the index anew, `view` stays.

        Raises:
            ValueError: there is nothing to be read just now, or what is there is of another language by now.
        """
        found = self._committed()
        if self._folder is not None and not _made_for(self._folder, self.language):
            raise ValueError(f"{self._folder} is not of the language {self.language!r} now")
        if found.change >= self.view.change:
            self.view = found
        return found

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
        self._seal()
        writer.wait_merging_threads()  # which may take long, and changes the list of files once more
        self._seal()
        self.reload()

    def _committed(self) -> SparseView:
        self._index.reload()
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.term_query(self._schema, "number", _MARK), 1, count=False).hits
        marks = searcher.fast_field_values("change", [address for _, address in hits])
        return SparseView(
            int(marks[0] or 0) if marks else 0, searcher, self._schema, self._analyzer, self._question_analyzer
        )

    def _seal(self) -> None:
        if self._folder is not None:
            seal.write(self._folder)
