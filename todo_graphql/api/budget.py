"""The budget of a viewer for operations. The server counts it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import strawberry

from todo_graphql.api.row_types import RowType
from todo_graphql.api.scalars import DateTime


class Allowance(NamedTuple):
    """The state of a budget after a cost was spent or refused. `retry_after` is 0, or the seconds
    until the refused cost is granted, if nothing else is spent.
    """

    limit: int
    remaining: int
    cost: int
    resets: float
    """The time, in seconds since 1970, when the whole budget is available again."""
    retry_after: int

    @property
    def reset_at(self) -> DateTime:
        """The time as a scalar, formatted on request."""
        return DateTime(f"{datetime.fromtimestamp(self.resets, UTC):%Y-%m-%dT%H:%M:%S.%fZ}")


class Budget(NamedTuple):
    """The amount that one client may spend in a window of time."""

    limit: int
    spend: Callable[[int], Allowance]
    """Spends a cost, unless less is left. It may wait for Redis."""


@strawberry.type(
    description="What you may spend on operations, in the unit of their cost: one for each field, "
    "counted once for every item of the pages around it, and 100 for each list and each count."
)
class RateLimit(RowType):
    row = Allowance

    limit: int = strawberry.field(description="The most that you may spend in a window of time.")
    remaining: int = strawberry.field(description="What is left of it after this operation.")
    reset_at: DateTime = strawberry.field(
        description="When all of it is there again, if you spend nothing until then. Some of it "
        "comes back all the time."
    )
    cost: int = strawberry.field(description="What this operation has cost.")
