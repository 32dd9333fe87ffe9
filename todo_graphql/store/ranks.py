"""Ranks: texts that place tasks in the manual order, by fractional indexing."""

from os.path import commonprefix

from sqlalchemy import ColumnElement, func

ZERO = 2**52
"""The number of the rank of 0. Negative numbers have ranks as well."""

NUMBER_LENGTH = 14

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Digits of ranks, in the order of PostgreSQL's collation "C"."""

MAX_LENGTH = 2_000
"""Length of a rank at which all ranks are rebalanced. An index row has at most 2,700 bytes."""


def rank_of(number: ColumnElement[int]) -> ColumnElement[str]:
    """Return the rank of a number in SQL. Ranks sort like their numbers."""
    rank: ColumnElement[str] = func.lpad(func.to_hex(ZERO + number), NUMBER_LENGTH, "0")
    return rank


def rank_between(low: str, high: str) -> str | None:
    """Return a short rank between `low` and `high`, or None if it would be too long.

    A rank never ends with a zero, because no rank fits directly before one.
    """
    if low >= high:
        return None
    # In a gap that was halved often, the two ranks differ only at their ends.
    rank = commonprefix([low, high])  # noqa: RUF071 - compares characters
    bounded = True
    for place in range(len(rank), MAX_LENGTH):
        lower = _digit(low, place)
        upper = _digit(high, place) if bounded else len(DIGITS)
        middle = (lower + upper) // 2
        if middle > lower:
            return rank + DIGITS[middle]
        rank += DIGITS[lower]
        # Once the prefix is below `high`, every continuation is.
        bounded = bounded and lower == upper
    return None


def _digit(rank: str, place: int) -> int:
    return DIGITS.index(rank[place]) if place < len(rank) else 0
