"""Sliding windows: a question and a passage of any length, cut into inputs that the reader's network can take.

A window is `[CLS] question [SEP] part of the passage [SEP]` (or whatever the tokenizer's own pair template says).
Windows of one passage overlap, so that every answer shorter than the overlap stands whole in one of them,
and together they cover every token of the passage.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from store.errors import InvalidInput

MAX_QUESTION_TOKENS = 64

# An answer neither starts nor ends with these, though a word boundary is there: quotation, emphasis, separators.
_NEVER_FIRST = frozenset('"”*_`|,;:.!?)]}>')
_NEVER_LAST = frozenset('"“*_`|,;:([{<')


@dataclass(frozen=True)
class PairTemplate:
    """The special tokens that a tokenizer puts around a (question, passage) pair, and the segment ids it gives.

    Read off the tokenizer itself, so that BERT's `[CLS] a [SEP] b [SEP]` and RoBERTa's `<s> a </s></s> b </s>`
    need no case of their own.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    types: tuple[int, int, int, int, int]  # of: before, question, between, passage, after

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "PairTemplate":
        pair = tokenizer.encode("a", "b")
        sequence = pair.sequence_ids
        first = [i for i, s in enumerate(sequence) if s == 0]
        second = [i for i, s in enumerate(sequence) if s == 1]
        if not first or not second:
            raise InvalidInput(
                "the tokenizer has no template for pairs of texts; a reader needs one such as '[CLS] $A [SEP] $B [SEP]'"
            )
        ids, types = pair.ids, pair.type_ids
        return cls(
            before=tuple(ids[: first[0]]),
            between=tuple(ids[first[-1] + 1 : second[0]]),
            after=tuple(ids[second[-1] + 1 :]),
            types=(types[0], types[first[0]], types[first[-1] + 1], types[second[0]], types[-1]),
        )

    @property
    def size(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


@dataclass(frozen=True)
class Passage:
    """A tokenised passage: what windows are cut from and what spans are translated back with. Arrays have n tokens."""

    ids: NDArray[np.int64]  # (n,)
    offsets: NDArray[np.int64]  # (n, 2) code points [start, end) in the passage's text
    starts_word: NDArray[np.bool_]  # (n,) an answer may start here: at a word's first token
    ends_word: NDArray[np.bool_]  # (n,) an answer may end here: at a word's last token

    @classmethod
    def of(cls, encoding: Encoding, text: str) -> "Passage":
        words = np.array([-1 if w is None else w for w in encoding.word_ids], dtype=np.int64)
        changes = words[1:] != words[:-1]
        edge = np.ones(min(1, len(words)), dtype=np.bool_)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        ends_word = np.concatenate([changes, edge])
        if not text.isascii():
            for token in np.flatnonzero(ends_word):
                offsets[token, 1] = _with_marks(text, int(offsets[token, 1]))
        first = np.array([token not in _NEVER_FIRST for token in encoding.tokens], dtype=np.bool_)
        last = np.array([token not in _NEVER_LAST for token in encoding.tokens], dtype=np.bool_)
        return cls(
            ids=np.array(encoding.ids, dtype=np.int64),
            offsets=offsets,
            starts_word=np.concatenate([edge, changes]) & first,
            ends_word=ends_word & last,
        )

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Window:
    """One input of the network, and where its part of the passage stands in it and in the passage."""

    ids: NDArray[np.int64]  # (length,)
    types: NDArray[np.int64]  # (length,)
    at: int  # position of the passage's part in this window
    first: int  # the passage's token that stands there
    count: int  # how many tokens of the passage

    def __len__(self) -> int:
        return len(self.ids)


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Passage]:
    """Tokenise whole texts, without special tokens and without truncation."""
    encodings = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return [Passage.of(encoding, text) for encoding, text in zip(encodings, texts, strict=True)]


def _with_marks(text: str, end: int) -> int:
    """The end of a word with the combining marks that its last letter bears.

    BERT's normalizer strips them, so its offsets would cut the last accent off "cafe\u0301".
    """
    while end < len(text) and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return end


def question_ids(tokenizer: Tokenizer, question: str) -> NDArray[np.int64]:
    """The question's token ids: (<= 64,). Of a longer one the first and the last 32, for it may begin or end with what
    is asked."""
    ids = tokenizer.encode(question, add_special_tokens=False).ids
    if len(ids) > MAX_QUESTION_TOKENS:
        ids = ids[: MAX_QUESTION_TOKENS // 2] + ids[-MAX_QUESTION_TOKENS // 2 :]
    return np.array(ids, dtype=np.int64)


def cut(
    template: PairTemplate,
    question: NDArray[np.int64],
    passage: Passage,
    max_length: int,
    doc_stride: int,
) -> list[Window]:
    """Cut a passage into windows of at most `max_length` tokens that start `doc_stride` passage tokens apart.

    `doc_stride` has the meaning that BERT's SQuAD code gave it (Devlin et al. 2019): the step, not the overlap.
    Where a long question leaves less room than one step, the step shrinks to the room, so no token is ever skipped.
    A passage without tokens gives no window.

    Raises:
        InvalidInput: the lengths leave no room for a passage, or the stride is not positive.
    """
    room = max_length - template.size - len(question)
    if room < 1 or doc_stride < 1:
        raise InvalidInput(
            f"window of {max_length} tokens with stride {doc_stride} leaves no room for a passage beside a question of "
            f"{len(question)} tokens; choose max_length > {template.size + len(question)} and doc_stride >= 1"
        )
    step = min(doc_stride, room)
    windows: list[Window] = []
    first = 0
    while first < len(passage):
        windows.append(window_of(template, question, passage, first, min(first + room, len(passage))))
        if first + windows[-1].count == len(passage):
            break
        first += step
    return windows


def window_of(template: PairTemplate, question: NDArray[np.int64], passage: Passage, first: int, end: int) -> Window:
    """The window of the passage's tokens [first, end)."""
    head = np.concatenate([template.before, question, template.between]).astype(np.int64)
    sizes = [len(template.before), len(question), len(template.between), end - first, len(template.after)]
    return Window(
        ids=np.concatenate([head, passage.ids[first:end], np.array(template.after, dtype=np.int64)]),
        types=np.repeat(template.types, sizes),
        at=len(head),
        first=first,
        count=end - first,
    )
