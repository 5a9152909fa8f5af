"""From question sets to labelled windows, and from those to batches of nearly equal length."""

import hashlib
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.evaluation.squad import Question, in_share, read_squad
from models.normalization import normalize_answer
from models.training.config import ReaderTraining, TrainingSet
from models.training.swaps import swaps
from models.windows import PairTemplate, Passage, Window, cut, question_ids, tokenize
from store.errors import InvalidInput
from store.sparse import SparseIndex

BATCHES_PER_POOL = 50


@dataclass(frozen=True)
class Example:
    """A window with the positions where its answer starts and ends; 0, the null token's, where it holds none."""

    window: Window
    start: int
    end: int

    def __len__(self) -> int:
        return len(self.window)


@dataclass(frozen=True)
class Batch:
    """Arrays of a batch, padded to its longest window."""

    ids: NDArray[np.int64]  # (batch, length)
    types: NDArray[np.int64]  # (batch, length)
    mask: NDArray[np.int64]  # (batch, length) 1 where a token stands
    allowed: NDArray[np.bool_]  # (batch, length) the null token and the passage: where an answer may lie
    starts: NDArray[np.int64]  # (batch,)
    ends: NDArray[np.int64]  # (batch,)


def build_examples(config: ReaderTraining, data: Path, tokenizer: Tokenizer) -> list[Example]:
    """All labelled windows of a training run, shuffled; the same for the same configuration and files.

    Raises:
        InvalidInput: there are none, or a file is not SQuAD JSON.
    """
    rng = random.Random(config.seed)
    template = PairTemplate.of(tokenizer)
    examples: list[Example] = []
    files = {chosen.file: read_squad(data / chosen.file) for chosen in config.train}
    kept_out = {q.context for c in config.train for q in files[c.file] if in_share(q.context, c.hold_back)}
    kept_out |= {q.context for path in config.tune for q in read_squad(data / path)}
    trained_on = _outside(kept_out, {q.context for questions in files.values() for q in questions})
    for chosen in config.train:
        questions = _draw([q for q in files[chosen.file] if q.context in trained_on], chosen, rng)
        answerable = [question for question in questions if question.answers]
        questions += _negatives(questions, chosen.negatives, rng)
        questions += _swaps(answerable, chosen.swaps, rng)
        passages = dict.fromkeys(q.context for q in questions)
        tokenized = dict(zip(passages, tokenize(tokenizer, list(passages)), strict=True))
        max_length, doc_stride = chosen.max_length or config.max_length, chosen.doc_stride or config.doc_stride
        for question in questions:
            ids = question_ids(tokenizer, question.text)
            passage = tokenized[question.context]
            windows = cut(template, ids, passage, max_length, doc_stride)
            examples.extend(label(window, passage, question.answers) for window in windows)
    if not examples:
        raise InvalidInput("no question is left to train on; look at the files, and at passes, hold_back and tune")
    rng.shuffle(examples)
    return examples


def fingerprint(examples: Sequence[Example]) -> bytes:
    """What tells these examples, in their order, from any others."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(np.array([example.start, example.end, *example.window.ids], dtype=np.int32).tobytes())
    return digest.digest()


def label(window: Window, passage: Passage, answers: Sequence[tuple[int, str]]) -> Example:
    """Put the first answer that lies whole inside the window at its token positions, or else at the null token."""
    for start, text in answers:
        first = int(np.searchsorted(passage.offsets[:, 1], start, side="right"))
        last = int(np.searchsorted(passage.offsets[:, 0], start + len(text), side="left")) - 1
        if window.first <= first <= last < window.first + window.count:
            shift = window.at - window.first
            return Example(window, first + shift, last + shift)
    return Example(window, 0, 0)


def batches(examples: Sequence[Example], batch_tokens: int, seed: int) -> list[list[Example]]:
    """Group examples into batches of at most `batch_tokens` tokens, padding counted.

    Examples are sorted by length only within pools of about 50 batches, whose batches are then shuffled: nearly no
    padding, and nearly the order of a full shuffle.
    """
    rng = random.Random(seed)
    mean = sum(map(len, examples)) / max(1, len(examples))
    pool_size = max(1, int(BATCHES_PER_POOL * batch_tokens / max(mean, 1)))
    result: list[list[Example]] = []
    for begin in range(0, len(examples), pool_size):
        pool = sorted(examples[begin : begin + pool_size], key=len)
        grouped = list(_fill(pool, batch_tokens))
        rng.shuffle(grouped)
        result.extend(grouped)
    return result


def collate(examples: Sequence[Example], pad_id: int) -> Batch:
    """Pad examples to the longest of them."""
    shape = (len(examples), max(map(len, examples)))
    ids, types = np.full(shape, pad_id, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    mask, allowed = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    for row, example in enumerate(examples):
        window = example.window
        ids[row, : len(window)], types[row, : len(window)], mask[row, : len(window)] = window.ids, window.types, 1
        allowed[row, window.at : window.at + window.count] = True
    allowed[:, 0] = True
    starts = np.array([e.start for e in examples], dtype=np.int64)
    ends = np.array([e.end for e in examples], dtype=np.int64)
    return Batch(ids, types, mask, allowed, starts, ends)


def hide_tokens(batch: Batch, share: float, mask_id: int, kept: Sequence[int], rng: np.random.Generator) -> Batch:
    """The batch with a share of its tokens, drawn anew each time, replaced by the mask token; those in `kept` stay.

    A network that sees its examples with other gaps in every pass learns less of them by heart.
    """
    hidden = (rng.random(batch.ids.shape) < share) & ~np.isin(batch.ids, kept)
    return replace(batch, ids=np.where(hidden, mask_id, batch.ids))


def _fill(pool: Sequence[Example], batch_tokens: int) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for example in pool:  # rising length, so the newcomer is the longest
        if batch and len(example) * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(example)
    if batch:
        yield batch


def _draw(questions: list[Question], chosen: TrainingSet, rng: random.Random) -> list[Question]:
    whole, part = divmod(chosen.passes, 1)
    return questions * int(whole) + rng.sample(questions, round(part * len(questions)))


def _swaps(questions: list[Question], share: float, rng: random.Random) -> list[Question]:
    """As many questions with a mention exchanged as that share of the questions, or all that can be made of them."""
    made = [swapped for question in dict.fromkeys(questions) for swapped in swaps(question)] if share else []
    return rng.sample(made, min(round(share * len(questions)), len(made)))


def _outside(kept_out: Collection[str], contexts: Collection[str]) -> set[str]:
    """The contexts that are none of those and stand in none of them, whatever their white space."""

    def normal(text: str) -> str:
        return " ".join(text.split())

    all_kept_out = "\n".join(map(normal, kept_out))
    return {context for context in contexts if normal(context) not in all_kept_out}


def _negatives(questions: list[Question], share: float, rng: random.Random) -> list[Question]:
    """Questions paired with the best-ranked passages that do not answer them: what a reader meets in service."""
    chosen = [q for q in questions if q.answers and rng.random() < share]
    if not chosen:
        return []
    contexts = list(dict.fromkeys(q.context for q in questions))
    index = SparseIndex.in_memory()
    index.apply((number, "", context) for number, context in enumerate(contexts))
    negatives = []
    for question in chosen:
        answers = [answer for _, text in question.answers if (answer := normalize_answer(text))]
        found = ((hit.number, normalize_answer(contexts[hit.number])) for hit in index.view.search(question.text, 8))
        wrong = [number for number, context in found if not any(answer in context for answer in answers)]
        if wrong:
            negatives.append(replace(question, context=contexts[rng.choice(wrong[:4])], answers=()))
    return negatives
