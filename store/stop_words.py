"""Words that questions are put together with, and that say nothing of what is asked for."""

_ENGLISH = """
a an the this that these those
i I you he she it we they me my your his her its our their
is are was were be been do does did has have had can could should would
how what when where which who whom whose why
of in on at to from by with for and or as there
s t
"""  # "s" and "t" are what is left of "what's" and "isn't"
_LISTS = {"english": _ENGLISH.split()}  # by the language of the stemmer


def stop_words(language: str) -> list[str]:
    """A language's stop words as they may be written; none where there is no list for it.

    What is in capitals means something: WHO, IT, vitamin A.
    """
    words = _LISTS.get(language.lower(), [])
    return [*words, *(word.capitalize() for word in words if len(word) > 1)]
