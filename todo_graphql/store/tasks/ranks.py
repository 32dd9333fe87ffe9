"""The manual order: ranks are texts, and between two different ones there is always another.

A rank at either end is a revision, written so that it orders as text (the migrations'
`todo_rank`): the end takes it as it is, the start takes it negated, so neither grows with
the number of moves. Libraries for fractional indexes have no such ends: a create would have
to look for the last rank first.
"""

from os.path import commonprefix

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""In the order of PostgreSQL's collation "C"."""

MAX_LENGTH = 2_000
"""A row of an index has at most 2,700 bytes. It takes more than ten thousand moves into one gap
to make a rank as long as this, and then all are written anew."""


def between(low: str, high: str) -> str | None:
    """A short rank that is greater than `low` and less than `high`; None if there is none that
    is short enough. Never ends with a zero, before which there would be no room.
    """
    if low >= high:
        return None
    # In a gap that was halved often, the two differ only at their ends.
    rank = commonprefix([low, high])  # noqa: RUF071 - it is characters that are compared
    bounded = True
    for place in range(len(rank), MAX_LENGTH):
        lower = _digit(low, place)
        upper = _digit(high, place) if bounded else len(DIGITS)
        middle = (lower + upper) // 2
        if middle > lower:
            return rank + DIGITS[middle]
        rank += DIGITS[lower]
        # Once below `high`, whatever follows is below it, too.
        bounded = bounded and lower == upper
    return None


def _digit(rank: str, place: int) -> int:
    return DIGITS.index(rank[place]) if place < len(rank) else 0
