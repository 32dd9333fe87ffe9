"""Output formats of column values, computed by PostgreSQL.

Python therefore creates no UUID or datetime object only to print it.
"""

from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func


def format_uuid(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Format a UUID as text."""
    return cast(column, Text).label(getattr(column, "name", None))


def format_instant(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Format an instant by RFC 3339, in UTC, with microseconds: 2026-01-31T09:30:00.000000Z."""
    in_utc = func.timezone("UTC", column)
    name = getattr(column, "name", None)
    return func.to_char(in_utc, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"').label(name)


def format_date(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Format a date as RFC 3339's full-date: 2026-01-31."""
    return func.to_char(column, "YYYY-MM-DD").label(getattr(column, "name", None))
