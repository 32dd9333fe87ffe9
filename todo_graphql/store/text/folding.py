"""Folding: the key of a text without case, accents and invisible characters.

Texts with one key are equal to a reader who ignores case and accents. All normalization forms of a
text have one key, which is its own key.
"""

import re
import unicodedata

import regex

from todo_graphql.store.text.letters import replace_characters

MAX_MARKS = 30
"""Maximum number of consecutive kept marks, as in the Stream-Safe Text Format (UAX #15). The rest
is removed, because normalization takes the square of their number.
"""

# In these scripts, nonspacing marks are accents, or vowel signs that writers may omit. In others,
# such as those of India and Thailand, they belong to the word.
_SCRIPTS_WITH_ACCENTS = (
    *("Inherited", "Latin", "Greek", "Coptic", "Cyrillic", "Hebrew", "Arabic", "Syriac"),
    *("Samaritan", "Mandaic", "Nko", "Adlam", "Ethiopic"),
)
# The voicing marks of kana distinguish letters.
_ACCENTS = (
    r"[[\p{Mn}&&["
    + "".join(rf"\p{{Script={script}}}" for script in _SCRIPTS_WITH_ACCENTS)
    + r"]]--[\u3099\u309a]]"
)
# Tatweel and the lajanyalan of N'Ko stretch a word.
_INVISIBLE = r"\p{Default_Ignorable_Code_Point}\u0640\u07fa"
REMOVED = regex.compile(rf"(?V1)[{_ACCENTS}\p{{Me}}{_INVISIBLE}]+")
# Normalization turns the halfwidth voicing marks of kana (U+FF9E, U+FF9F) into marks.
_MARK = rf"[\p{{M}}\uff9e\uff9f{_INVISIBLE}]"
LONG_MARKS = regex.compile(rf"({_MARK}{{{MAX_MARKS}}}){_MARK}+")
WHITE_SPACE = re.compile(r"[^\S ]\s*| \s+")

# Normalization takes an acute accent without a letter (U+00B4) for one above a space. Writers use
# it as an apostrophe.
_ACUTE_ACCENT = " \u0301"


def fold(text: str) -> str:
    """Return the key of a text. Each run of white space becomes one space.

    Spaces at both ends remain, so that the key of a part of a text is a part of the text's key.
    """
    folded = _fold_ascii(text) if text.isascii() else _fold_unicode(text)
    if folded.isprintable() and "  " not in folded:
        return folded
    return WHITE_SPACE.sub(" ", folded)


def _fold_ascii(text: str) -> str:
    return text.lower().replace("`", "'")


def _fold_unicode(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", LONG_MARKS.sub(r"\1", text))
    without_accents = REMOVED.sub("", decomposed.replace(_ACUTE_ACCENT, "'"))
    plain = replace_characters(without_accents.casefold())
    return unicodedata.normalize("NFKC", plain)
