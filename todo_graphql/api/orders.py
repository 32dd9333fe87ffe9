"""Sort order inputs, and their conversion to listings of the store."""

from typing import Annotated, cast

import strawberry

from todo_graphql.api.enums import NullsOrder, SortDirection, TaskOrderField
from todo_graphql.api.filters import TaskFilterInput
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.ordering import MAX_KEYS, NEWEST_FIRST, OrderField, OrderKey


@strawberry.input(description="A sort key for tasks.")
class TaskOrder:
    field: TaskOrderField = strawberry.field(description="The field to order by.")
    direction: SortDirection = strawberry.field(
        default=SortDirection.ASC, description="The sort direction."
    )
    nulls: NullsOrder = strawberry.field(
        default=NullsOrder.LAST,
        description="The place of null values, regardless of the direction.",
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
        description=f"The sort order: up to {MAX_KEYS} keys, the most significant first. "
        "Tasks with equal keys are ordered by id. The default is newest first."
    ),
]


DEFAULT_LISTING = Listing()


def parse_listing(filter_input: TaskFilterInput | None, order: list[TaskOrder] | None) -> Listing:
    """Return the requested listing. Raise BadUserInput with the path of an invalid argument."""
    if filter_input is None and not order:
        return DEFAULT_LISTING
    task_filter = TaskFilter() if filter_input is None else filter_input.to_store()
    keys = tuple(key.to_store() for key in order or ()) or NEWEST_FIRST
    fields = [key.field for key in keys]
    if len(keys) > MAX_KEYS:
        raise BadUserInput(
            f"Too many keys: `orderBy` can have at most {MAX_KEYS}.",
            reason=InputReason.TOO_MANY,
            field="orderBy",
            max=MAX_KEYS,
        )
    if len(set(fields)) < len(fields):
        raise BadUserInput(
            "Duplicate field: `orderBy` can name each field only once.",
            reason=InputReason.DUPLICATE,
            field="orderBy",
        )
    if OrderField.RELEVANCE in fields and task_filter.search is None:
        raise BadUserInput(
            "RELEVANCE requires `filter.search`.",
            reason=InputReason.NOT_COMBINABLE,
            field="orderBy",
        )
    return Listing(task_filter, keys)
