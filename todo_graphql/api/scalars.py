"""Scalars, and the ids that arguments carry."""

import uuid
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from todo_graphql.errors import BadUserInput
from todo_graphql.store.text import UUID_TEXT

DateTime = NewType("DateTime", str)
"""An instant in the form in which it leaves: the store has PostgreSQL write it."""

DATE_TIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="An instant as RFC 3339 has it, answered in UTC with microseconds: "
    "`2026-01-31T09:30:00.000000Z`.",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    serialize=str,
)


def uuid_of(value: str, field: str) -> uuid.UUID:
    """The UUID that an ID argument holds. Raises BadUserInput with `field`."""
    if not UUID_TEXT.fullmatch(value):
        raise BadUserInput("An id is a UUID, such as those that `id` answers.", field=field)
    return uuid.UUID(value)
