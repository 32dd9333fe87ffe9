"""Stamps: the times that a write stores in tasks. They follow the order of the revisions.

`now()` is the start of the transaction, which may be before that of an earlier writer who held the
lock on the user's row (docs/decisions/0027-stamps-under-the-lock.md).
"""

from typing import Any

from sqlalchemy import ColumnElement, DateTime, func, literal_column, text

from todo_graphql.store.formats import UTC
from todo_graphql.store.models import USERS

MICROSECOND: Any = text("interval '1 microsecond'")

WRITTEN_AT: ColumnElement[Any] = literal_column("writer.written_at", DateTime(timezone=True))
"""The last stamp of a write, in the statement parts that `ViewerScope` joins with the writer."""


def last_stamp(number: ColumnElement[int] | None) -> ColumnElement[Any]:
    """Return the last of so many stamps, or the only one.

    All are later than the user's stamps of earlier writes, and each of several is a microsecond
    later than the one before it.
    """
    now: ColumnElement[Any] = func.now()
    if number is None:
        return func.greatest(now, _after_earlier_stamps(MICROSECOND))
    first_possible = now + (number - 1) * MICROSECOND
    return func.greatest(first_possible, _after_earlier_stamps(number * MICROSECOND))


def _after_earlier_stamps(interval: Any) -> ColumnElement[Any]:
    # An addition with a time zone is STABLE: Citus refuses it for columns in an UPDATE.
    in_utc = func.timezone(UTC, USERS.c.written_at).op("+")(interval)
    stamp: ColumnElement[Any] = func.timezone(UTC, in_utc)
    return stamp


def earlier_stamp(number: ColumnElement[int]) -> ColumnElement[Any]:
    """Return the stamp that precedes the last one by this number."""
    stamp: ColumnElement[Any] = WRITTEN_AT - number * MICROSECOND
    return stamp
