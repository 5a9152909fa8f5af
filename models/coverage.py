"""Coverage: how much of what is asked stands around a span.

A reader knows what kind of answer a question wants better than whether the passage speaks of the question's subject. So
where a corpus has no answer, the likely spans are of other things: the question's rarer words are not beside them.
"""

import re
import unicodedata

AROUND = 150  # characters before and behind a span that are looked at

_WORD = re.compile(r"\w+")


def words(text: str) -> set[str]:
    """The words of a text, whatever their case and Unicode form."""
    return set(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def coverage(asked: set[str], text: str, start: int, end: int) -> float:
    """Share of the words that are asked which are in text[start:end] or around it, each word counting by its letters.

    Long words tend to be the rare ones, and no list of a language's words is needed. 1 where nothing is asked.
    """
    found = words(text[max(0, start - AROUND) : end + AROUND])
    return sum(map(len, asked & found)) / sum(map(len, asked)) if asked else 1.0
