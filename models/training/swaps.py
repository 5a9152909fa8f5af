"""Questions made unanswerable: a name or a number is exchanged for another one of the same passage.

This is one of the ways in which SQuAD 2.0's annotators made theirs (Rajpurkar, Jia & Liang 2018, table 1).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from models.evaluation.squad import Question
from store.stop_words import stop_words

_NUMBER = re.compile(r"(?<![\w.,'’-])\d(?:[\d,.]*\d)?(?![\w'’-])")
_YEAR = re.compile(r"1\d{3}|20\d\d")
_CAPITAL = r"[A-Z][\w-]*[a-z][\w-]*"  # an acronym may be another name for what it replaces
_NAME = re.compile(rf"(?<![\w'’-]){_CAPITAL}(?: (?:of |the |de |and )?{_CAPITAL})*")
_CALENDAR = {
    "month": re.compile("(?:Jan|Febr)uary|March|April|May|June|July|August|(?:Septem|Octo|Novem|Decem)ber"),
    "day": re.compile("(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"),
}
_SENTENCE_END = re.compile(r"[.?!:][\"”)]?\s+")
_ENDS = '.?!:"”)'  # before what may have its capital for beginning a sentence
_WORD = re.compile(r"\w+")
_STEM = 5  # letters of a word that tell it from others
_STOP_WORDS = frozenset(map(str.lower, stop_words("english")))


@dataclass(frozen=True)
class Mention:
    """text[start:end]: a name, month, day, year or other number. What has one form may stand in the other's place."""

    form: tuple[str, ...]
    start: int
    end: int
    text: str


def swaps(question: Question) -> list[Question]:
    """The question with one of its mentions exchanged, and no answer, in every way that there is.

    What goes stands in the passage, too. What comes shares no word with the question or its answers, and no sentence
    that names it says most of what is asked.
    """
    asked, context = question.text, question.context
    taken = _content(" ".join([asked, *(answer for _, answer in question.answers)]))
    coming = {(new.form, new.text) for new in mentions(context) if not taken & _content(new.text)}
    return [
        replace(question, text=asked[: old.start] + text + asked[old.end :], answers=())
        for old in mentions(asked)
        if _stands_in(old.text, context)
        for form, text in sorted(coming)
        if form == old.form and not _told(_content(asked[: old.start] + asked[old.end :]), text, context)
    ]


def mentions(text: str) -> Iterator[Mention]:
    """The mentions of a text. A capital where a sentence begins makes no name.

    Names are of one form if they have as many words and stand behind the same word, as places and people mostly do not.
    """
    for found in _NUMBER.finditer(text):
        yield Mention(("year" if _YEAR.fullmatch(found.group()) else "number",), *found.span(), found.group())
    for found in _NAME.finditer(text):
        name, before = found.group(), text[: found.start()].rstrip()
        if before[-1:] in _ENDS or not _content(name):  # or nothing is before it
            continue
        kind = next((kind for kind, pattern in _CALENDAR.items() if pattern.fullmatch(name)), "name")
        form = ("name", before.split()[-1].lower(), str(len(name.split()))) if kind == "name" else (kind,)
        yield Mention(form, *found.span(), name)


def _told(asked: set[str], name: str, context: str) -> bool:
    """Whether a sentence that names it has half of the words that are asked with."""
    sentences = (s for s in _SENTENCE_END.split(context) if _stands_in(name, s))
    return any(2 * len(asked & _content(sentence)) >= len(asked) for sentence in sentences)


def _stands_in(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _content(text: str) -> set[str]:
    """Words that say something, cut to their first letters."""
    return {word[:_STEM] for word in map(str.lower, _WORD.findall(text)) if word not in _STOP_WORDS}
