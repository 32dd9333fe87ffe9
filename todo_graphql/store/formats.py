"""Output formats of column values, computed by PostgreSQL.

Python therefore creates no UUID or datetime object only to print it.
"""

from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal_column

# PostgreSQL finds a function faster by constants that have a type.
UTC: ColumnElement[str] = literal_column("'UTC'::text", Text)
INSTANT: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text""", Text)
DATE: ColumnElement[str] = literal_column("'YYYY-MM-DD'::text", Text)


def format_uuid(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Format a UUID as text."""
    return cast(column, Text).label(getattr(column, "name", None))


def format_instant(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Format an instant by RFC 3339, in UTC, with microseconds: 2026-01-31T09:30:00.000000Z."""
    in_utc = func.timezone(UTC, column)
    name = getattr(column, "name", None)
    return func.to_char(in_utc, INSTANT).label(name)


def format_date(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Format a date as RFC 3339's full-date: 2026-01-31."""
    return func.to_char(column, DATE).label(getattr(column, "name", None))
