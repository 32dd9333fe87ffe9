"""Order keys: texts that sort, byte by byte, as a reader expects.

Spaces sort first, then punctuation and symbols, numbers, and letters. Numbers sort by value.
"""

import re

import regex

from todo_graphql.store.text.folding import fold

KEY_MAX_LENGTH = 240
KEY_MAX_BYTES = 4 * KEY_MAX_LENGTH
"""Maximum size of a key. An index row of PostgreSQL has at most about 2,700 bytes. Titles that
differ beyond it have one key; their ids order them.
"""

NUMBER = re.compile(r"[0-9]+")
LEADING_ZERO = re.compile(r"(?<![0-9])0[0-9]")
# Each sign gets a prefix that sorts before digits and letters.
ASCII_SIGNS = {
    code: f"!{chr(code)}" for code in range(128) if not chr(code).isalnum() and chr(code) != " "
}
SIGN = regex.compile(r"([^\p{L}\p{M}\p{N} ])")

# Groups of a letter and letters that follow it in alphabets of Cyrillic and of Arabic script, but
# that Unicode encodes elsewhere.
LATE_LETTERS = (
    "аә гґғ дђ еє зҙ иіј кқ лљ нңњ оө сҫ тћ уұү хҳһ чҷџ",
    "بپ تٹ جچ دڈ رڑ زژ قکگ نں هہھ ویے",  # noqa: RUF001
)
_LATE_KEYS = {
    letter: f"{group[0]}\uffff{place}"
    for groups in LATE_LETTERS
    for group in groups.split()
    for place, letter in enumerate(group[1:])
}
LATE = re.compile(f"[{''.join(_LATE_KEYS)}]")


def order_key(text: str) -> str:
    """Return the key by which a text sorts, of at most KEY_MAX_BYTES in UTF-8."""
    folded = fold(text).strip(" ")
    if not folded.isascii():
        key = _sort_numbers(SIGN.sub(r"!\1", folded))
        key = LATE.sub(lambda match: _LATE_KEYS[match[0]], key)
    elif folded.replace(" ", "").isalpha():
        key = folded
    else:
        key = _sort_numbers(folded.translate(ASCII_SIGNS))
    return key[:KEY_MAX_LENGTH]


def _sort_numbers(key: str) -> str:
    """Return the key with numbers that sort by value."""
    numbers = NUMBER.sub(_number_key, key)
    return numbers + _leading_zeros(key) if LEADING_ZERO.search(key) else numbers


def _leading_zeros(key: str) -> str:
    """Return an end of a key by which, of equal numbers, the one with fewer zeros is first.

    The end begins with a tab, which sorts before all characters of keys.
    """
    numbers = NUMBER.findall(key)
    zeros = [min(len(number) - len(number.lstrip("0")), 9) for number in numbers]
    return "\t" + "".join(map(str, zeros)).rstrip("0")


def _number_key(match: re.Match[str]) -> str:
    return _with_length(match[0].lstrip("0"))


def _with_length(digits: str) -> str:
    """Return the digits after their number, so that longer ones sort last.

    From nine digits on, their number is itself a number with a length, after a 9.
    """
    length = str(len(digits))
    return (length if len(digits) < 9 else "9" + _with_length(length)) + digits
