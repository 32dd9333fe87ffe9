"""Scalars, and the ids that arguments carry."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError, GraphQLScalarLiteralParser, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from todo_graphql.errors import BadUserInput
from todo_graphql.store.validation import UUID_TEXT

DateTime = NewType("DateTime", str)
"""An instant in the form in which it leaves: the store has PostgreSQL write it."""

Date = NewType("Date", str)
"""A day in the form in which it leaves."""

# RFC 3339, section 5.6, and no other form that Python would read.
DATE_TIME_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
DATE_TEXT = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def date_time(value: object) -> DateTime:
    """The instant in UTC, cut off at microseconds. Raises GraphQLError for what is none."""
    try:
        if isinstance(value, str) and DATE_TIME_TEXT.fullmatch(value):
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
            return DateTime(f"{instant:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0"))
    except (ValueError, OverflowError):
        pass  # such as 30 February, or a year before the first
    raise GraphQLError(
        "A DateTime is an instant as RFC 3339 has it, with an offset: 2026-01-31T09:30:00Z."
    )


def full_date(value: object) -> Date:
    """The day. Raises GraphQLError for what is none."""
    try:
        if isinstance(value, str) and DATE_TEXT.fullmatch(value):
            return Date(date.fromisoformat(value).isoformat())
    except ValueError:
        pass  # such as 30 February
    raise GraphQLError("A Date is a day of the calendar, as 2026-01-31.")


def in_documents(parse: Callable[[object], str]) -> GraphQLScalarLiteralParser:
    """Reads the scalar where it stands in a document, and says where it is wrong."""

    def read(node: ValueNode, variables: dict[str, Any] | None = None) -> str:
        try:
            return parse(value_from_ast_untyped(node, variables))
        except GraphQLError as error:
            raise GraphQLError(error.message, node) from None

    return read


DATE_TIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="An instant as RFC 3339 has it, with an offset. Answered in UTC with microseconds: "
    "`2026-01-31T09:30:00.000000Z`.",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    serialize=str,
    parse_value=date_time,
    parse_literal=in_documents(date_time),
)

DATE: ScalarDefinition = strawberry.scalar(
    name="Date",
    description="A day of the calendar, in no time zone: `2026-01-31`.",
    specified_by_url="https://scalars.graphql.org/andimarek/local-date",
    serialize=str,
    parse_value=full_date,
    parse_literal=in_documents(full_date),
)


def uuid_of(value: str, field: str) -> uuid.UUID:
    """The UUID that an ID argument holds. Raises BadUserInput with `field`."""
    if not UUID_TEXT.fullmatch(value):
        raise BadUserInput("An id is a UUID, such as those that `id` answers.", field=field)
    return uuid.UUID(value)
