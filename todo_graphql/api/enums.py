"""What is one of a few."""

from enum import Enum

import strawberry

from todo_graphql.store.models import Priority
from todo_graphql.store.tasks.ordering import OrderField


@strawberry.enum(description="How much a task matters, in this order.")
class TaskPriority(Enum):
    NONE = strawberry.enum_value(Priority.NONE.value, description="Nobody has said.")
    LOW = strawberry.enum_value(Priority.LOW.value, description="It can wait.")
    MEDIUM = strawberry.enum_value(Priority.MEDIUM.value, description="As most things.")
    HIGH = strawberry.enum_value(Priority.HIGH.value, description="Before most things.")
    URGENT = strawberry.enum_value(Priority.URGENT.value, description="Before everything else.")


def priority_of(value: TaskPriority | None) -> Priority:
    """The store's word. NONE, if there is none."""
    return Priority.NONE if value is None else Priority[value.name]


@strawberry.enum(description="What tasks can be ordered by.")
class TaskOrderField(Enum):
    CREATED = strawberry.enum_value(OrderField.CREATED, description="`createdAt`.")
    UPDATED = strawberry.enum_value(OrderField.UPDATED, description="`updatedAt`.")
    DUE = strawberry.enum_value(
        OrderField.DUE,
        description="`dueAt` or `dueOn`; a day counts as its first instant in UTC. It may be null.",
    )
    PRIORITY = strawberry.enum_value(
        OrderField.PRIORITY, description="`priority`, from NONE to URGENT."
    )
    TITLE = strawberry.enum_value(
        OrderField.TITLE, description="`title`, without regard to case and accents."
    )
    COMPLETED = strawberry.enum_value(
        OrderField.COMPLETED, description="`completedAt`. It is null for open tasks."
    )
    POSITION = strawberry.enum_value(
        OrderField.POSITION,
        description="The manual order, which `moveTask` changes. New tasks are at its end.",
    )
    RELEVANCE = strawberry.enum_value(
        OrderField.RELEVANCE,
        description="How well the task fits `filter.search`, which must be there: words in the "
        "title count more than tags, and those more than words in the description. "
        "With DESC the best come first.",
    )


@strawberry.enum(description="Which way to go.")
class SortDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="From small to great, from early to late.")
    DESC = strawberry.enum_value("DESC", description="From great to small, from late to early.")


@strawberry.enum(description="Where tasks go that have no value to order by.")
class NullsOrder(Enum):
    FIRST = strawberry.enum_value("FIRST", description="Before those that have one.")
    LAST = strawberry.enum_value("LAST", description="After those that have one.")
