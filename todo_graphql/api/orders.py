"""Sort order inputs, and their conversion to listings of the store."""

from typing import Annotated, cast

import strawberry

from todo_graphql.api.enums import NullsOrder, SortDirection, TaskOrderField
from todo_graphql.api.filters import TaskFilterInput
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.ordering import MAX_KEYS, NEWEST_FIRST, OrderField, OrderKey
from todo_graphql.store.tasks.time_zones import UTC_ZONE, known_zone


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

    time_zone: str | None = strawberry.field(
        default=None,
        description="The IANA time zone in which days begin, such as `Europe/Berlin`, for DUE. The "
        "default is the time zone of the list.",
    )

    def to_store(self, path: str, zone: str) -> OrderKey:
        """Return the key of the store. Raise BadUserInput for an unknown time zone."""
        if self.time_zone is not None:
            zone = known_zone(self.time_zone, f"{path}.timeZone")
        is_zoned = self.field is TaskOrderField.DUE and zone != UTC_ZONE
        return OrderKey(
            cast("OrderField", self.field.value),
            descending=self.direction is SortDirection.DESC,
            nulls_first=self.nulls is NullsOrder.FIRST,
            zone=zone if is_zoned else None,
        )


OrderBy = Annotated[
    list[TaskOrder] | None,
    strawberry.argument(
        description=f"The sort order: up to {MAX_KEYS} keys, the most significant first. "
        "Tasks with equal keys are ordered by id. The default is newest first."
    ),
]


DEFAULT_LISTING = Listing()


def parse_listing(
    filter_input: TaskFilterInput | None, order: list[TaskOrder] | None, time_zone: str
) -> Listing:
    """Return the requested listing. Raise BadUserInput with the path of an invalid argument."""
    zone = known_zone(time_zone, "timeZone")
    if filter_input is None and not order:
        return DEFAULT_LISTING
    task_filter = TaskFilter() if filter_input is None else filter_input.to_store(zone=zone)
    given = [key.to_store(f"orderBy.{number}", zone) for number, key in enumerate(order or ())]
    keys = tuple(given) or NEWEST_FIRST
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
