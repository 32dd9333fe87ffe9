"""Orders: inputs, and how they become the store's words."""

from typing import Annotated, cast

import strawberry

from todo_graphql.api.enums import NullsOrder, SortDirection, TaskOrderField
from todo_graphql.api.filters import TaskFilterInput
from todo_graphql.errors import BadUserInput
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.ordering import MAX_KEYS, NEWEST_FIRST, OrderField, OrderKey


@strawberry.input(description="A key to order tasks by.")
class TaskOrder:
    field: TaskOrderField = strawberry.field(description="What to order by.")
    direction: SortDirection = strawberry.field(
        default=SortDirection.ASC, description="Which way to go."
    )
    nulls: NullsOrder = strawberry.field(
        default=NullsOrder.LAST,
        description="Where tasks go that have no value, whatever the direction.",
    )

    def to_store(self) -> OrderKey:
        return OrderKey(
            cast("OrderField", self.field.value),
            descending=self.direction is SortDirection.DESC,
            nulls_first=self.nulls is NullsOrder.FIRST,
        )


OrderBy = Annotated[
    list[TaskOrder] | None,
    strawberry.argument(
        description=f"In which order: up to {MAX_KEYS} keys, the most important one first; tasks "
        "that are equal in all of them are ordered by id. Without it: newest first."
    ),
]


EVERYTHING = Listing()


def listing_of(which: TaskFilterInput | None, order: list[TaskOrder] | None) -> Listing:
    """The list that is asked for. Raises BadUserInput with the path of what breaks a rule."""
    if which is None and not order:
        return EVERYTHING
    task_filter = TaskFilter() if which is None else which.to_store()
    keys = tuple(key.to_store() for key in order or ()) or NEWEST_FIRST
    fields = [key.field for key in keys]
    if len(keys) > MAX_KEYS:
        raise BadUserInput(f"An order has at most {MAX_KEYS} keys.", field="orderBy")
    if len(set(fields)) < len(fields):
        raise BadUserInput("An order has each field once.", field="orderBy")
    if OrderField.RELEVANCE in fields and task_filter.search is None:
        raise BadUserInput("RELEVANCE needs a search: `filter.search`.", field="orderBy")
    return Listing(task_filter, keys)
