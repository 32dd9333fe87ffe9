"""Letters, signs and digits that `fold` replaces by plain ones.

They have no decomposition in Unicode, so normalization does not replace them.
"""

import re
import unicodedata

SPECIAL_LETTERS = {
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "\N{LATIN SMALL LETTER DOTLESS J}": "j",
    "\N{LATIN SMALL LETTER AE}": "ae",
    "\N{LATIN SMALL LIGATURE OE}": "oe",
    "\N{LATIN SMALL LETTER ETH}": "d",
    "\N{LATIN SMALL LETTER THORN}": "th",
}

# Writers and keyboards use these signs for one another.
TYPOGRAPHIC_SIGNS = {
    # Quotation marks, primes, modifier letters (Ukrainian, Uzbek, Hawaiian, transliterated Arabic),
    # the Armenian apostrophe, the Hebrew geresh, the saltillo, and the apostrophes of N'Ko.
    "'": "`\u2018\u2019\u201b\u2032\u02b9"
    "\u02bb\u02bc\u02bd\u02be\u02bf\u055a\u05f3\ua78c\u07f4\u07f5",
    # Quotation marks, double primes, and the Hebrew gershayim.
    '"': "\u201c\u201d\u201e\u201f\u02ba\u02ee\u05f4",
    # Hyphens, dashes, the minus sign, and the Hebrew maqaf.
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u05be",
}

LATIN_RANGES = (
    range(0xDF, 0x2B0),
    range(0x1D00, 0x1DC0),
    range(0x1E00, 0x1F00),
    range(0x2C60, 0x2C80),
    range(0xA720, 0xA800),
    range(0xAB30, 0xAB70),
)

NAME = re.compile(r"LATIN SMALL LETTER ([A-Z]) WITH ")


def _plain_letters() -> dict[str, str]:
    """Map each Latin letter with a stroke, hook, tail or the like to the letter without it."""
    letters = [chr(code) for block in LATIN_RANGES for code in block]
    names = {
        letter: NAME.match(unicodedata.name(letter, ""))
        for letter in letters
        if not unicodedata.decomposition(letter)
    }
    return {letter: name[1].lower() for letter, name in names.items() if name}


REPLACEMENTS = {
    **_plain_letters(),
    **SPECIAL_LETTERS,
    **{sign: plain for plain, signs in TYPOGRAPHIC_SIGNS.items() for sign in signs},
}

_REPLACED = re.compile(f"[{''.join(REPLACEMENTS)}]")
_DIGIT = re.compile(r"[^\D0-9]")


def replace_characters(text: str) -> str:
    """Return a text in lower case with plain letters, plain signs and the digits 0 to 9."""
    plain = _REPLACED.sub(lambda match: REPLACEMENTS[match[0]], text)
    return _DIGIT.sub(lambda match: str(unicodedata.decimal(match[0])), plain)
