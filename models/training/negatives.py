"""Hard negatives: passages that rank high for a question and do not answer it.

They are found by BM25 (Karpukhin et al. 2020, section 3.2), and later in a run by the model itself, which sees best
what it still gets wrong (ANCE, Xiong et al. 2021).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.encoder import Embeddings, TextEncoder
from models.evaluation.judgements import holds_answer
from models.training.pairs import Pair, PairData, key
from models.training.retriever_config import HardNegatives, RetrieverTraining
from store.errors import InvalidInput
from store.sparse import SparseIndex

Numbers = NDArray[np.int32]

NONE = -1  # fills a row up
_QUESTIONS_AT_ONCE = 1024
_TRIES = 100


class Miner:
    """Finds hard negatives among the passages of a training."""

    def __init__(self, data: PairData, settings: HardNegatives, seed: int) -> None:
        self._data = data
        self._settings = settings
        self._seed = seed
        self._answering = data.answering()
        self._keys = [key(passage.text) for passage in data.passages]
        self._depth = 2 * settings.depth + 20  # what is ranked, so that enough is left of it

    def by_words(self, numbers: Sequence[int], encoder: TextEncoder) -> Numbers:
        """Hard negatives (len(numbers), depth) of these pairs by BM25, best first, filled up with -1."""
        index = SparseIndex.in_memory()
        index.apply((number, title, text) for number, (title, text) in enumerate(self._data.passages))
        pairs = [self._data.pairs[number] for number in numbers]
        ranked = [[hit.number for hit in index.view.search(pair.question, self._depth)] for pair in pairs]
        kept = [
            [n for n in found if self.wrong(pair, n)][: self._settings.depth]
            for pair, found in zip(pairs, ranked, strict=True)
        ]
        if self._settings.margin is not None:
            shown = sorted({n for found in kept for n in found} | {pair.positive for pair in pairs})
            kept = self._worse(pairs, kept, encoder, shown)
        return self._rows(kept)

    def by_model(self, numbers: Sequence[int], encoder: TextEncoder, refresh: int) -> Numbers:
        """The same by the model, among the answers to these pairs and passages drawn by the number of the refresh."""
        pairs = [self._data.pairs[number] for number in numbers]
        shown = self._drawn({pair.positive for pair in pairs}, refresh)
        questions = encoder.encode_questions([pair.question for pair in pairs])
        passages = self._encode(encoder, shown)
        at = {number: row for row, number in enumerate(shown)}
        kept = []
        for pair, question, found in zip(pairs, questions, nearest(questions, passages, self._depth), strict=True):
            least = self._limit(float(question @ passages[at[pair.positive]]))
            wrong = (shown[row] for row in found if question @ passages[row] <= least and self.wrong(pair, shown[row]))
            kept.append(list(wrong)[: self._settings.depth])
        return self._rows(kept)

    def draw(self, batch: Sequence[Pair], found: Sequence[Numbers], rng: np.random.Generator) -> list[list[int]]:
        """`count` hard negatives for each pair of a batch, of those found for it; else any passages that are wrong.

        What answers one question of the batch is no other's, since all see all of them.

        Raises:
            InvalidInput: there are too few passages that are wrong.
        """
        answers = {n for pair in batch for n in self._answering[key(pair.question)]}
        drawn = []
        for pair, row in zip(batch, found, strict=True):
            own = [int(n) for n in rng.permutation(row[row != NONE]) if n not in answers][: self._settings.count]
            for number in map(int, rng.integers(len(self._data.passages), size=_TRIES)):
                if len(own) == self._settings.count:
                    break
                if number not in answers and number not in own and self.wrong(pair, number):
                    own.append(number)
            if len(own) < self._settings.count:
                raise InvalidInput(
                    f"there are too few wrong passages for {pair.question!r}; name more in [[negatives.passages]], or "
                    "lower negatives.count or batch_size"
                )
            drawn.append(own)
        return drawn

    def wrong(self, pair: Pair, number: int) -> bool:
        """Whether a passage, as far as is known, does not answer a pair's question.

        It does if it is known to, if it contains the passage that does or is contained in it, or if the words of an
        answer occur in it.
        """
        if number in self._answering[key(pair.question)]:
            return False
        own, other = self._keys[pair.positive], self._keys[number]
        if own in other or other in own:
            return False
        return not holds_answer(self._data.passages[number].text, pair.answers)

    def _worse(
        self, pairs: Sequence[Pair], kept: Sequence[list[int]], encoder: TextEncoder, shown: Sequence[int]
    ) -> list[list[int]]:
        """Of those found, the ones that the model scores below the answer, by the margin at least."""
        questions = encoder.encode_questions([pair.question for pair in pairs])
        passages = dict(zip(shown, self._encode(encoder, shown), strict=True))
        return [
            [n for n in found if question @ passages[n] <= self._limit(float(question @ passages[pair.positive]))]
            for pair, question, found in zip(pairs, questions, kept, strict=True)
        ]

    def _limit(self, answer: float) -> float:
        return float("inf") if self._settings.margin is None else answer - self._settings.margin

    def _encode(self, encoder: TextEncoder, shown: Sequence[int]) -> Embeddings:
        passages = [self._data.passages[number] for number in shown]
        return encoder.encode([p.text for p in passages], [p.title for p in passages])

    def _drawn(self, answers: set[int], refresh: int) -> list[int]:
        others = np.setdiff1d(np.arange(len(self._data.passages)), sorted(answers))
        most = self._settings.refresh_passages
        if most is not None and most < len(others):
            others = np.random.default_rng((self._seed, refresh)).choice(others, most, replace=False)
        return sorted(answers | set(map(int, others)))

    def _rows(self, kept: Sequence[list[int]]) -> Numbers:
        rows = np.full((len(kept), self._settings.depth), NONE, dtype=np.int32)
        for row, found in zip(rows, kept, strict=True):
            row[: len(found)] = found
        return rows


class RunNegatives:
    """Hard negatives of a run, found anew every `refresh_steps`.

    What was found is kept in a file of the run, so that a run that is resumed trains on the same.
    """

    def __init__(
        self, config: RetrieverTraining, data: PairData, plan: list[list[int]], model: TextEncoder, out: Path
    ) -> None:
        self._settings = config.negatives
        self._seed = config.seed
        self._data = data
        self._plan = plan
        self._model = model
        self._out = out
        self._miner = Miner(data, config.negatives, config.seed)
        self._round = -1
        self._found: dict[int, Numbers] = {}

    def columns(self, numbers: Sequence[int], step: int) -> list[list[int]]:
        """Passages' numbers of a step's batch: the answers, then a column for each hard negative."""
        pairs = [self._data.pairs[number] for number in numbers]
        answers = [pair.positive for pair in pairs]
        if not self._settings.count:
            return [answers]
        self._refresh(step // (self._settings.refresh_steps or len(self._plan)))
        rng = np.random.default_rng((self._seed, step))
        drawn = self._miner.draw(pairs, [self._found[number] for number in numbers], rng)
        return [answers, *map(list, zip(*drawn, strict=True))]

    def _refresh(self, number: int) -> None:
        if number == self._round:
            return
        steps = self._settings.refresh_steps or len(self._plan)
        asked = sorted({n for batch in self._plan[number * steps : (number + 1) * steps] for n in batch})
        path = self._out / f"negatives-{number}.npy"
        if not path.is_file():
            miner, model = self._miner, self._model
            rows = miner.by_model(asked, model, number) if number else miner.by_words(asked, model)
            temporary = path.with_suffix(".tmp.npy")
            np.save(temporary, rows)
            temporary.replace(path)
        self._round, self._found = number, dict(zip(asked, np.load(path), strict=True))


def nearest(questions: Embeddings, passages: Embeddings, limit: int) -> NDArray[np.int64]:
    """The rows (len(questions), limit) of the passages with the greatest inner products, best first; exact."""
    found = []
    for begin in range(0, len(questions), _QUESTIONS_AT_ONCE):
        scores = torch.from_numpy(questions[begin : begin + _QUESTIONS_AT_ONCE]) @ torch.from_numpy(passages).T
        found.append(scores.topk(min(limit, len(passages)), dim=1).indices.numpy())
    return np.concatenate(found) if found else np.zeros((0, 0), dtype=np.int64)
