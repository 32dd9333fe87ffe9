"""Search: the literals of a tsvector and of a tsquery.

A word consists of letters, marks, digits and symbols. It contains no quote, backslash or white
space, so a literal needs no escapes.
"""

from collections import defaultdict
from collections.abc import Iterable

from todo_graphql.store.text.folding import fold
from todo_graphql.store.text.words import split_phrases, split_words, words_of

MAX_PLACES = 255
"""Maximum number of positions that a tsvector keeps of a word."""

TITLE_START, MAX_TITLE_WORDS = 1, 255
TAGS_START = 257
DESCRIPTION_START = 1_536
"""The positions of words. Each text has its own range, so that its words can be replaced without
those of the others.
"""

SEARCH_MAX_LENGTH = 10_000
"""Maximum number of characters of a search; the rest is ignored."""

SEARCH_MAX_WORDS = 32
"""Maximum number of words of a search; the rest is ignored, because each costs time per task."""


def title_words(title: str) -> str:
    """Return the literal of a tsvector with the words of a title, of weight A."""
    words = words_of(title)[:MAX_TITLE_WORDS]
    return " ".join([f"'{word}':{place}A" for place, word in enumerate(words, TITLE_START)])


def tag_words(tags: Iterable[str]) -> str:
    """Return the literal of a tsvector with the words of tags, of weight B.

    A position is left out after each tag, so that no phrase spans two tags.
    """
    entries: list[str] = []
    start = TAGS_START
    for tag in tags:
        words = words_of(tag)[: max(0, DESCRIPTION_START - 1 - start)]
        entries += [f"'{word}':{place}B" for place, word in enumerate(words, start)]
        start += len(words) + 1
    return " ".join(entries)


def description_words(description: str) -> str:
    """Return the literal of a tsvector with the words of a description, of weight C.

    PostgreSQL reduces positions above 16,383, which only texts with ligatures reach.
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(words_of(description), DESCRIPTION_START):
        places[word].append(place)
    return " ".join(
        [
            f"'{word}':{'C,'.join(map(str, numbers[:MAX_PLACES]))}C"
            for word, numbers in places.items()
        ]
    )


class Search:
    """A text to search for, and its different words as a reader sees them."""

    __slots__ = ("text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = list(dict.fromkeys(split_phrases(fold(text[:SEARCH_MAX_LENGTH]))))

    def __repr__(self) -> str:
        """Return the text as a literal. The fingerprint of a list has it."""
        return repr(self.text)

    def query(self) -> str:
        """Return the literal of a tsquery, or an empty text for a search without words.

        All words must match, each as a prefix. The parts of a word must be adjacent: characters of
        scripts without spaces, symbols, and the parts around an apostrophe.
        """
        return " & ".join([_prefix_query(word) for word in self.words[:SEARCH_MAX_WORDS]])


def _prefix_query(phrase: str) -> str:
    return "'" + "' <-> '".join(split_words(phrase)) + "':*"
