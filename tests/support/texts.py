"""Texts for property tests of the definition of text, and all characters of Unicode."""

import unicodedata
from collections.abc import Iterable
from typing import Literal

from hypothesis import Phase
from hypothesis import settings as profile
from hypothesis import strategies as st

from todo_graphql.store.text.folding import fold

# Every run has the same examples, to reproduce failures.
SAME_EXAMPLES = profile(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
)

FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")

SEPARATOR = "\ue000"
"""A character for private use, which folding keeps."""

CHARACTERS = [
    character
    for character in map(chr, range(0x110000))
    if unicodedata.category(character) not in {"Cn", "Co", "Cs"}
]
"""All assigned characters, in the version of Unicode that Python knows."""

SPECIAL = (
    "aAéßøİıſΣσςγΆЁйґі'’ʼ-_.!&|()<>:*\\\" \t\u00a0\u3000\u00ad\u200b\u200d\ufe0f\u0301\u0308"
    "أهمزةـשׁלוֹםहिन्दी़्क्षनมี้ที่牛奶パンﾊﾟー가각\u1100\u1161🎉❤🇩🇪👍🏽٣३１²Ⅳﬁ㎏\ufdfa"
)
characters = st.sampled_from(SPECIAL) | st.characters(exclude_categories=("Cs", "Cn", "Co"))


def texts(max_size: int = 30) -> st.SearchStrategy[str]:
    """Return a strategy for texts with many special characters."""
    return st.text(characters, max_size=max_size).filter(lambda text: "\0" not in text)


def fold_each(texts: Iterable[str]) -> list[str]:
    """Return the keys of many short texts, which are folded at once."""
    given = list(texts)
    keys = fold(SEPARATOR.join(given)).split(SEPARATOR)
    assert len(keys) == len(given)
    return keys
