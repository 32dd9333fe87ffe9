"""What a viewer may spend on operations. Who counts it is the server's business."""

from datetime import UTC, datetime
from typing import NamedTuple, Protocol

import strawberry

from todo_graphql.api.rows import OfRow
from todo_graphql.api.scalars import DateTime


class Allowance(NamedTuple):
    """What is left of a budget after something was taken from it, or was not: then the same is
    granted after `retry_after` seconds, if nothing else is.
    """

    limit: int
    remaining: int
    cost: int
    resets: float
    """The time, as seconds since 1970, when all of it is there again."""
    retry_after: int

    @property
    def reset_at(self) -> DateTime:
        """In the form in which it leaves. It is made for those who ask."""
        return DateTime(f"{datetime.fromtimestamp(self.resets, UTC):%Y-%m-%dT%H:%M:%S.%fZ}")


class Budget(Protocol):
    """Of one viewer: `limit` is the most that it ever holds."""

    limit: int

    def spend(self, cost: int) -> Allowance:
        """Take this, if there is as much."""


@strawberry.type(
    description="What you may spend on operations, in the unit of their cost: one for each field, "
    "counted once for every item of the pages around it, and 100 for each list and each count."
)
class RateLimit(OfRow):
    row = Allowance

    limit: int = strawberry.field(description="The most that you may spend in a window of time.")
    remaining: int = strawberry.field(description="What is left of it after this operation.")
    reset_at: DateTime = strawberry.field(
        description="When all of it is there again, if you spend nothing until then. Some of it "
        "comes back all the time."
    )
    cost: int = strawberry.field(description="What this operation has cost.")
