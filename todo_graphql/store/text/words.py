"""Words: runs of letters, marks and digits, in any script.

In scripts without spaces between words, each character is a word. An emoji or another symbol is a
word, too. A search compares consecutive words where a reader sees one.
"""

import re

import regex

from todo_graphql.store.text.folding import fold

WORD_MAX_LENGTH = 64
"""Maximum number of characters of a word; the rest is ignored."""

_SCRIPTS_WITHOUT_SPACES = (
    *("Han", "Hiragana", "Katakana", "Thai", "Lao", "Myanmar", "Khmer"),
    *("Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Javanese", "Balinese"),
)
# Emoji and the like. Earlier blocks have signs that belong to a number or a name: the signs
# of degrees and of trademarks.
_SYMBOL = r"[\p{So}--[\x00-\u20ff]]"
# Japanese writes the prolonged sound mark (U+30FC) in both kana.
_SINGLE = (
    "["
    + "".join(rf"\p{{Script={script}}}" for script in _SCRIPTS_WITHOUT_SPACES)
    + rf"\u30fc{_SYMBOL}]"
)
_CHARACTER = rf"[\p{{L}}\p{{M}}\p{{N}}{_SYMBOL}]"

ASCII_RUN = re.compile(r"[a-z0-9]+")
RUN = regex.compile(rf"(?V1){_CHARACTER}+")
SINGLES = regex.compile(rf"(?V1)({_SINGLE}+)")
# All blocks with characters of SINGLES, and others. Most texts are outside of them.
MAYBE_SINGLE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u1b7f\u2100-\ua4cf\ua800-\uabff\uf900-\U0010ffff]"
)

# An apostrophe, and the middle dot of Catalan, join the parts of a word.
ASCII_PHRASE = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
PHRASE = regex.compile(rf"(?V1){_CHARACTER}+(?:['\u00b7]{_CHARACTER}+)*")


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded, in their order."""
    return split_words(fold(text))


def split_words(folded: str) -> list[str]:
    """Return the words of a folded text."""
    if folded.isascii():
        runs = ASCII_RUN.findall(folded)
    else:
        runs = RUN.findall(folded)
        if MAYBE_SINGLE.search(folded):
            return _split_singles(runs)
    if len(folded) > WORD_MAX_LENGTH:
        return [run[:WORD_MAX_LENGTH] for run in runs]
    return runs


def _split_singles(runs: list[str]) -> list[str]:
    """Return the characters of scripts without spaces, and the words between them."""
    words: list[str] = []
    for run in runs:
        between = True
        for part in SINGLES.split(run):
            if between and part:
                words.append(part[:WORD_MAX_LENGTH])
            elif part:
                words.extend(part)
            between = not between
    return words


def split_phrases(folded: str) -> list[str]:
    """Return the parts of a folded text that a reader takes for one word each."""
    phrases = ASCII_PHRASE if folded.isascii() else PHRASE
    return [phrase[:WORD_MAX_LENGTH] for phrase in phrases.findall(folded)]
