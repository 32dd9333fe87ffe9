"""Custom scalars of the schema, and UUIDs in ID arguments."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError, GraphQLScalarLiteralParser, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.validation import UUID_TEXT

DateTime = NewType("DateTime", str)
"""A date-time in the format of responses, which PostgreSQL produces."""

Date = NewType("Date", str)
"""A date in the format of responses."""

# RFC 3339, section 5.6. Python accepts more formats.
DATE_TIME_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
DATE_TEXT = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def date_time(value: object) -> DateTime:
    """Return the date-time in UTC, truncated to microseconds. Raise GraphQLError if invalid."""
    try:
        if isinstance(value, str) and DATE_TIME_TEXT.fullmatch(value):
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
            return DateTime(f"{instant:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0"))
    except (ValueError, OverflowError):
        pass  # such as 30 February, or a year before 1
    raise GraphQLError(
        "Invalid date-time: expected RFC 3339 with an offset, such as 2026-01-31T09:30:00Z, "
        "in the years 0001 to 9999 of UTC, and without leap seconds."
    )


def full_date(value: object) -> Date:
    """Return the date. Raise GraphQLError if it is invalid."""
    try:
        if isinstance(value, str) and DATE_TEXT.fullmatch(value):
            return Date(date.fromisoformat(value).isoformat())
    except ValueError:
        pass  # such as 30 February
    raise GraphQLError("Invalid date: expected a calendar date, such as 2026-01-31.")


def literal_parser(parse: Callable[[object], str]) -> GraphQLScalarLiteralParser:
    """Return a parser of literals whose errors have a location in the document."""

    def parse_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> str:
        try:
            return parse(value_from_ast_untyped(node, variables))
        except GraphQLError as error:
            raise GraphQLError(error.message, node) from None

    return parse_literal


DATE_TIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="A date-time in RFC 3339 format with an offset, without leap seconds. Responses "
    "use UTC with microseconds, such as `2026-01-31T09:30:00.000000Z`.",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    serialize=str,
    parse_value=date_time,
    parse_literal=literal_parser(date_time),
)

DATE: ScalarDefinition = strawberry.scalar(
    name="Date",
    description="A calendar date without a time zone, such as `2026-01-31`.",
    specified_by_url="https://scalars.graphql.org/andimarek/local-date",
    serialize=str,
    parse_value=full_date,
    parse_literal=literal_parser(full_date),
)


def uuid_of(value: str, field: str) -> uuid.UUID:
    """Return the UUID of an ID argument. Raise BadUserInput with `field` if it is invalid."""
    if not UUID_TEXT.fullmatch(value):
        raise BadUserInput(
            "Invalid id: expected a UUID.", reason=InputReason.INVALID_FORMAT, field=field
        )
    return uuid.UUID(value)


def optional_uuid(value: str | None, field: str) -> uuid.UUID | None:
    """Return the UUID of an optional ID argument. Raise BadUserInput with `field`."""
    return None if value is None else uuid_of(value, field)
