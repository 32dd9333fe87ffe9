"""The cost budget of a viewer, which the server keeps."""

from datetime import UTC, datetime
from typing import NamedTuple, Protocol

import strawberry

from todo_graphql.api.row_types import RowType
from todo_graphql.api.scalars import DateTime


class Allowance(NamedTuple):
    """State of a budget after a cost was granted or rejected.

    `retry_after` is 0, or the seconds until the rejected cost is granted if nothing else is spent.
    """

    limit: int
    remaining: int
    cost: int
    resets: float
    """The Unix time when the whole budget is available again."""
    retry_after: int

    @property
    def reset_at(self) -> DateTime:
        return DateTime(f"{datetime.fromtimestamp(self.resets, UTC):%Y-%m-%dT%H:%M:%S.%fZ}")


class Budget(Protocol):
    """Cost that one client may spend per time window."""

    limit: int
    waits_for_redis: bool
    """True if the methods may wait for Redis. Otherwise the event loop can call them."""

    def spend(self, cost: int) -> Allowance:
        """Spend a cost unless less remains. It may wait for Redis."""

    def check(self, cost: int) -> Allowance:
        """Return the same as `spend` at this moment, and spend nothing. It may wait for Redis."""

    def deduct(self, cost: int) -> None:
        """Deduct a cost after a spend, even if less remains. It may wait for Redis."""

    def refund(self, cost: int) -> None:
        """Give back a part of a cost that was spent. It does not wait."""


@strawberry.type(
    description="The rate limit of the user. The unit is the cost of a query: a field costs 1, "
    "multiplied by the sizes of the lists around it. Each list and each count costs another 100. "
    "Fields that a shorter list does not return are charged back. "
    "An operation costs at least 1 for each microsecond of processor time that it takes."
)
class RateLimit(RowType):
    row = Allowance

    limit: int = strawberry.field(description="The maximum cost per time window.")
    remaining: int = strawberry.field(
        description="The remaining cost, before the processor time of this operation is charged. "
        "The header `RateLimit-Remaining` has the value after it."
    )
    reset_at: DateTime = strawberry.field(
        description="The time when the whole limit is available again without further operations. "
        "The limit recovers continuously."
    )
    cost: int = strawberry.field(
        description="The cost of this operation by its fields, which is charged before it is "
        "executed. Processor time beyond it is charged afterwards."
    )
