"""Enums of the schema."""

from enum import Enum

import strawberry

from todo_graphql.store.models import Priority
from todo_graphql.store.tasks.ordering import OrderField


@strawberry.enum(description="The priority of a task, in ascending order.")
class TaskPriority(Enum):
    NONE = strawberry.enum_value(Priority.NONE.value, description="No priority.")
    LOW = strawberry.enum_value(Priority.LOW.value, description="Low priority.")
    MEDIUM = strawberry.enum_value(Priority.MEDIUM.value, description="Medium priority.")
    HIGH = strawberry.enum_value(Priority.HIGH.value, description="High priority.")
    URGENT = strawberry.enum_value(Priority.URGENT.value, description="Urgent priority.")


def to_priority(value: TaskPriority | None) -> Priority:
    """Return the priority that the store uses. None means NONE."""
    return Priority.NONE if value is None else Priority[value.name]


@strawberry.enum(description="The fields by which tasks can be ordered.")
class TaskOrderField(Enum):
    CREATED = strawberry.enum_value(
        OrderField.CREATED, description="Order by creation time (`createdAt`)."
    )
    UPDATED = strawberry.enum_value(
        OrderField.UPDATED, description="Order by the time of the last update (`updatedAt`)."
    )
    DUE = strawberry.enum_value(
        OrderField.DUE,
        description="Order by due date (`dueAt` or `dueOn`). A day counts as its first instant in "
        "the time zone. Null for tasks without a due date.",
    )
    PRIORITY = strawberry.enum_value(
        OrderField.PRIORITY, description="Order by `priority`, from NONE to URGENT."
    )
    TITLE = strawberry.enum_value(
        OrderField.TITLE, description="Order by `title`, ignoring case and accents."
    )
    COMPLETED = strawberry.enum_value(
        OrderField.COMPLETED,
        description="Order by completion time (`completedAt`). Null for open tasks.",
    )
    POSITION = strawberry.enum_value(
        OrderField.POSITION,
        description="Order by manual position, which `moveTask` changes. New tasks come last.",
    )
    RELEVANCE = strawberry.enum_value(
        OrderField.RELEVANCE,
        description="Order by relevance to `filter.search`, which is required. Matches in the "
        "title rank above matches in tags, and those above matches in the description. "
        "Use DESC to list the best matches first.",
    )


@strawberry.enum(description="The direction of a sort.")
class SortDirection(Enum):
    ASC = strawberry.enum_value(
        "ASC", description="Ascending order, from low to high and from early to late."
    )
    DESC = strawberry.enum_value(
        "DESC", description="Descending order, from high to low and from late to early."
    )


@strawberry.enum(description="The place of null values in a sort.")
class NullsOrder(Enum):
    FIRST = strawberry.enum_value("FIRST", description="Null values come first.")
    LAST = strawberry.enum_value("LAST", description="Null values come last.")
