"""Sort order inputs, and their conversion to listings of the store."""

from typing import Annotated, cast

import strawberry

from todo_graphql.api.enums import NullsOrder, SortDirection, TaskOrderField
from todo_graphql.api.filters import TaskFilterInput
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.ordering import MAX_KEYS, NEWEST_FIRST, OrderField, OrderKey
from todo_graphql.store.tasks.page_requests import PageRequest
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


def parse_page_request(
    filter_input: TaskFilterInput | None,
    order: list[TaskOrder] | None,
    time_zone: str,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> PageRequest:
    """Return the requested page. Raise BadUserInput with the paths of invalid arguments."""
    if filter_input is None and not order and time_zone == UTC_ZONE:
        return PageRequest.from_arguments(DEFAULT_LISTING, first, after, last, before)
    with ProblemCollector() as collect:
        listing: Listing | None = collect(parse_listing, filter_input, order, time_zone)
        if listing is None:  # cursors can be checked in a valid list only
            listing, after, before = DEFAULT_LISTING, None, None
        return collect(PageRequest.from_arguments, listing, first, after, last, before)


def parse_listing(
    filter_input: TaskFilterInput | None, order: list[TaskOrder] | None, time_zone: str
) -> Listing:
    """Return the requested listing. Raise BadUserInput with the paths of invalid arguments."""
    with ProblemCollector() as collect:
        zone = collect(known_zone, time_zone, "timeZone") or UTC_ZONE
        task_filter = TaskFilter()
        if filter_input is not None:
            task_filter = collect(filter_input.to_store, zone=zone)
        keys = collect(_parse_order, order, zone) if order else NEWEST_FIRST
    if task_filter.search is None and any(key.field is OrderField.RELEVANCE for key in keys):
        raise BadUserInput(
            "RELEVANCE requires `filter.search`.",
            reason=InputReason.NOT_COMBINABLE,
            field="orderBy",
        )
    return Listing(task_filter, keys)


def _parse_order(order: list[TaskOrder], zone: str) -> tuple[OrderKey, ...]:
    with ProblemCollector() as collect:
        collect(_require_valid_order, order)
        given = enumerate(order[:MAX_KEYS])
        return tuple(collect(key.to_store, f"orderBy.{number}", zone) for number, key in given)


def _require_valid_order(order: list[TaskOrder]) -> None:
    if len(order) > MAX_KEYS:
        raise BadUserInput(
            f"Too many keys: `orderBy` can have at most {MAX_KEYS}.",
            reason=InputReason.TOO_MANY,
            field="orderBy",
            max=MAX_KEYS,
        )
    if len({key.field for key in order}) < len(order):
        raise BadUserInput(
            "Duplicate field: `orderBy` can name each field only once.",
            reason=InputReason.DUPLICATE,
            field="orderBy",
        )
