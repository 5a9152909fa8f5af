"""How well an encoder by itself finds what is relevant: exact search over a source's corpus, without a collection."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.encoder import TextEncoder
from models.evaluation.judgements import Judgements, Query, Relevance, Text, holds_answer
from models.evaluation.ranking_metrics import Ranking, measure
from models.evaluation.squad import spread
from store.errors import InvalidInput

K = 10
_QUESTIONS_AT_ONCE = 256


@dataclass(frozen=True)
class Trial:
    """Questions and the passages that they are asked of."""

    queries: Sequence[Query]
    corpus: Sequence[Text]
    relevance: Relevance

    @classmethod
    def of(cls, judgements: Judgements, questions: int | None = None, passages: int | None = None) -> "Trial":
        """A trial on a source: some of its questions, and some of its corpus with all that is relevant to these.

        Args:
            judgements: of a source that brings its corpus.
            questions: how many of its questions, evenly spread; None: all.
            passages: how many of its passages, evenly spread; None: all.

        Raises:
            InvalidInput: the source brings no corpus, says of no question what is relevant, or asks of a part only.
        """
        relevance = judgements.relevance(None)
        queries = spread(judgements.judged_by(relevance), questions)
        if judgements.corpus is None or any(query.filters for query in queries):
            raise InvalidInput(
                "an encoder is tried on sources that bring their corpus and ask all of it: a BEIR folder, SQuAD's "
                "JSON, or questions with a corpus"
            )
        kept = {text.id for text in spread(list(judgements.corpus), passages)}
        kept |= {id_ for query in queries for id_ in query.relevant}
        if relevance == "answer":
            answers = tuple(dict.fromkeys(answer for query in queries for answer in query.answers))
            kept |= {text.id for text in judgements.corpus if text.id not in kept and holds_answer(text.text, answers)}
        return cls(queries, [text for text in judgements.corpus if text.id in kept], relevance)

    def measure(self, encoder: TextEncoder) -> dict[str, float]:
        """nDCG and recall at 10 of the ranking by inner product, in percent: means over the questions.

        Where answers tell what is relevant, hits stand for both.
        """
        passages = encoder.encode([text.text for text in self.corpus], [text.title for text in self.corpus])
        rankings = []
        for begin in range(0, len(self.queries), _QUESTIONS_AT_ONCE):
            some = self.queries[begin : begin + _QUESTIONS_AT_ONCE]
            scores = encoder.encode_questions([query.text for query in some]) @ passages.T
            deepest = K + max(len(query.left_out) for query in some)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :deepest]
            for query, row in zip(some, best, strict=True):
                found = [text for text in (self.corpus[i] for i in row) if text.id not in query.left_out]
                rankings.append(self._ranking(query, found[:K]))
        names = ["hit@10"] if self.relevance == "answer" else ["ndcg@10", "recall@10"]
        return dict(zip(names, map(float, 100 * measure(rankings, names).mean(0)), strict=True))

    def _ranking(self, query: Query, found: Sequence[Text]) -> Ranking:
        relevant = query.relevant
        if self.relevance == "answer":
            relevant = {text.id: 1 for text in found if holds_answer(text.text, query.answers)}
        return Ranking(tuple(text.id for text in found), relevant, 0.0)
