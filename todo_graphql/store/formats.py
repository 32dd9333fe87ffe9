"""Values in the form in which they leave, made by PostgreSQL.

No UUID or datetime object is made in Python only to be printed.
"""

from typing import Any

from sqlalchemy import Column, ColumnElement, Text, cast, func


def identifier(column: Column[Any]) -> ColumnElement[str]:
    """A UUID as text."""
    return cast(column, Text).label(column.name)


def moment(column: ColumnElement[Any]) -> ColumnElement[str]:
    """An instant as RFC 3339, in UTC, with microseconds: 2026-01-31T09:30:00.000000Z."""
    in_utc = func.timezone("UTC", column)
    name = getattr(column, "name", None)
    return func.to_char(in_utc, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"').label(name)


def day(column: Column[Any]) -> ColumnElement[str]:
    """A day as RFC 3339's full-date: 2026-01-31."""
    return func.to_char(column, "YYYY-MM-DD").label(column.name)
