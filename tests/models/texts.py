"""Text as it comes: many scripts, marks, emoji and odd white space."""

from hypothesis import strategies as st

_WORDS = (
    "lighthouse Straße cafe\u0301 naïve Ünïcödé İstanbul 日本語 テスト 한국어 नमस्ते สวัสดี שלום مرحبا Ωmega ½ ﬁne "
    "😀 👩\u200d👩\u200d👧 👍🏽 ☺\ufe0f 3,000.5 don't e.g. [SEP] x\u0323\u0307 \u0301mark C++ «quoted» …"
)
WORDS = _WORDS.split()
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2009", "\u200b", "\ufeff", ", ", ". "]


def texts(max_words: int = 30) -> st.SearchStrategy[str]:
    """Words of many kinds joined by spaces of many kinds, or any characters at all."""
    word = st.sampled_from(WORDS) | st.text(max_size=8)
    pieces = st.lists(st.tuples(word, st.sampled_from(SPACES)), max_size=max_words)
    return pieces.map(lambda found: "".join(word + space for word, space in found))
