"""Questions with the passages that answer them: read, kept apart from what is tuned on, and dealt into batches."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from models.evaluation.files import Record, read_jsonl
from models.evaluation.judgements import Judgements
from models.evaluation.squad import read_squad
from models.training.retriever_config import PassageSet, RetrieverTraining
from store.errors import InvalidInput

BATCHES_PER_POOL = 50


class Passage(NamedTuple):
    """A passage and its document's title."""

    title: str
    text: str


@dataclass(frozen=True)
class Pair:
    """A question and the passage that answers it. Without `answers` it is not known which words do."""

    question: str
    positive: int  # the passage's number
    answers: tuple[str, ...] = ()


@dataclass
class PairData:
    """All that a run trains on."""

    pairs: list[Pair] = field(default_factory=list)
    draws: list[int] = field(default_factory=list)  # pairs' numbers, as often as they are passed over
    passages: list[Passage] = field(default_factory=list)  # each text once, by its number

    def answering(self) -> dict[str, set[int]]:
        """The passages that are known to answer a question, by its key."""
        found: dict[str, set[int]] = {}
        for pair in self.pairs:
            found.setdefault(key(pair.question), set()).add(pair.positive)
        return found


class _Line(NamedTuple):
    """A question as a file has it."""

    source: str | None
    question: str
    passage: Passage
    answers: tuple[str, ...]


def key(text: str) -> str:
    """A text without what does not make it another one: case, and kinds of white space."""
    return " ".join(text.split()).casefold()


def read_pair_data(config: RetrieverTraining, data: Path, held_out: frozenset[str] = frozenset()) -> PairData:
    """The pairs of all sets, and the passages that hard negatives are found among.

    The same text is the same passage, wherever it stands; its title is that of the set that named it first.

    Args:
        config: which sets.
        data: folder of their files.
        held_out: keys of texts that belong to what is tuned on; what has one of them is left out.

    Raises:
        NotFound: a file is missing.
        InvalidInput: a line of it breaks a rule, or a set holds no pair.
    """
    rng = random.Random(config.seed)
    found, numbers = PairData(), dict[str, int]()

    def number_of(passage: Passage, titles: bool) -> int:
        number = numbers.setdefault(key(passage.text), len(found.passages))
        if number == len(found.passages):
            found.passages.append(passage if titles else Passage("", passage.text))
        return number

    files: dict[Path, list[_Line]] = {}
    for chosen in config.train:
        if chosen.file not in files:
            files[chosen.file] = list(_read(data / chosen.file))
        own = [line for line in files[chosen.file] if chosen.source in (None, line.source)]
        own = [line for line in own if not {key(line.question), key(line.passage.text)} & held_out]
        if not own:
            raise InvalidInput(f"{chosen.name} holds no pair to train on; look at its file, its source and the tuning")
        if chosen.limit and chosen.limit < len(own):
            own = rng.sample(own, chosen.limit)
        first = len(found.pairs)
        found.pairs += [Pair(line.question, number_of(line.passage, chosen.titles), line.answers) for line in own]
        found.draws += _passes(range(first, len(found.pairs)), chosen.passes, rng)
    for further in config.negatives.passages:
        for passage in _passages(data / further.file, further):
            if key(passage.text) not in held_out:
                number_of(passage, further.titles)
    return found


def held_out_texts(judgements: Iterable[Judgements]) -> frozenset[str]:
    """Keys of the questions that sources ask, and of the texts that are relevant to them."""
    held: set[str] = set()
    for source in judgements:
        relevant = {id_ for query in source.queries for id_ in query.relevant}
        held.update(key(query.text) for query in source.queries)
        held.update(key(text.text) for text in source.corpus or () if text.id in relevant)
    return frozenset(held)


def deal(data: PairData, batch_size: int, seed: int) -> list[list[int]]:
    """Pairs' numbers in batches in which no passage answers two questions, the same for the same seed.

    A passage of one question is another's negative, so one that answers both would be wrong for both. Passages are of
    about equal length within a batch: they are sorted in pools of 50 batches, which are then shuffled. What is left in
    the end and fills no batch is left out.
    """
    rng, answering = random.Random(seed), data.answering()
    order = data.draws.copy()
    rng.shuffle(order)
    result: list[list[int]] = []
    left: list[int] = []
    size = BATCHES_PER_POOL * batch_size
    for begin in range(0, len(order), size):
        pool = sorted(left + order[begin : begin + size], key=lambda n: len(data.passages[data.pairs[n].positive].text))
        full, left = _fill(pool, data.pairs, answering, batch_size)
        rng.shuffle(full)
        result.extend(full)
    if not result:
        raise InvalidInput(f"{len(order)} questions fill no batch of {batch_size} different ones; lower batch_size")
    return result


def _fill(
    pool: Sequence[int], pairs: Sequence[Pair], answering: Mapping[str, set[int]], size: int
) -> tuple[list[list[int]], list[int]]:
    """Full batches, and what is left; each pair goes into the first open batch where no passage answers two."""
    full: list[list[int]] = []
    opened: list[tuple[list[int], set[int], set[int]]] = []  # pairs, their passages, and all that answer them
    for number in pool:
        pair = pairs[number]
        answers = answering[key(pair.question)]
        fits = (one for one in opened if pair.positive not in one[2] and not answers & one[1])
        batch, passages, answered = next(fits, ([], set(), set()))
        if not batch:
            opened.append((batch, passages, answered))
        batch.append(number)
        passages.add(pair.positive)
        answered |= answers
        if len(batch) == size:
            full.append(batch)
            opened = [one for one in opened if one[0] is not batch]
    return full, [number for batch, _, _ in opened for number in batch]


def _passes(numbers: range, passes: float, rng: random.Random) -> list[int]:
    whole, part = divmod(passes, 1)
    return list(numbers) * int(whole) + rng.sample(numbers, round(part * len(numbers)))


def _read(path: Path) -> Iterator[_Line]:
    if path.name.removesuffix(".gz").endswith(".json"):
        for question in read_squad(path):
            if question.answers:
                answers = tuple(dict.fromkeys(text for _, text in question.answers))
                yield _Line(None, question.text.strip(), Passage(question.title, question.context.strip()), answers)
        return
    for record in read_jsonl(path):
        passage = Passage(record.text("title", ""), record.filled("positive"))
        yield _Line(record.text("source", "") or None, record.filled("question"), passage, _answers(record))


def _passages(path: Path, chosen: PassageSet) -> Iterator[Passage]:
    for record in read_jsonl(path):
        if not chosen.sources or record.text("source", "") in chosen.sources:
            yield Passage(record.text("title", ""), record.filled("text"))


def _answers(record: Record) -> tuple[str, ...]:
    answers = record.values.get("answers") or []
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise InvalidInput(f"{record.where}: 'answers' is {answers!r}; it has to be a list of strings")
    return tuple(answers)
