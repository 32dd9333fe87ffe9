"""What every resolver gets."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import strawberry

from todo_graphql.api.budget import Allowance, Budget
from todo_graphql.errors import Forbidden, RateLimited
from todo_graphql.store.idempotency import IdempotencyKeys
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import ALL
from todo_graphql.store.users import Users

if TYPE_CHECKING:
    from graphql import OperationDefinitionNode

SelectedColumns: TypeAlias = Mapping[str, frozenset[str]]
"""The attributes that are read of each type, by its name."""

USUAL_SECONDS = 0.1
COST_OF_A_SECOND = 100_000
"""Of PostgreSQL's time."""

NOTHING: frozenset[str] = frozenset()


class Context:
    """Who is asking, the one connection on which the operation asks, and what will be read of
    the answers: `reads` is None where that may be anything. `operation` and its `cost` are known
    once the document has been found to be good, and the `allowance` once it has been charged.
    Without a `budget` there is no limit to what operations may cost together.
    """

    def __init__(
        self,
        viewer: Viewer,
        connection: ViewerConnection,
        request_id: str,
        budget: Budget | None = None,
    ) -> None:
        self.request_id = request_id
        self.viewer = viewer
        self.connection = connection
        self.reads: SelectedColumns | None = None
        self.operation: OperationDefinitionNode | None = None
        self.cost: int | None = None
        self.budget = budget
        self.allowance: Allowance | None = None

    @cached_property
    def users(self) -> Users:
        """The viewer's own row."""
        return Users(self.connection, self.viewer)

    @cached_property
    def retries(self) -> IdempotencyKeys:
        """The viewer's idempotency keys."""
        return IdempotencyKeys(self.connection)

    @property
    def sql_seconds(self) -> float:
        """For how long PostgreSQL was waited for, and is still being."""
        seconds = self.connection.current_wait
        for timing in self.connection.timings:
            seconds += timing.ended - timing.began
        return seconds

    @property
    def statements(self) -> int:
        """How many were sent, one that is still waited for among them."""
        return len(self.connection.timings) + (self.connection.current_wait > 0)

    def charge(self, cost: int) -> None:
        """Take this from the viewer's budget; all of it, where there is never as much. Raises
        RateLimited, and takes nothing, while there is not.
        """
        if self.budget is None:
            return
        self.allowance = self.budget.spend(min(cost, self.budget.limit))
        if self.allowance.retry_after:
            raise RateLimited(
                "Rate limit exceeded. Try again later.",
                retry_after=self.allowance.retry_after,
            )

    def require(self, cost: int) -> None:
        """Raises RateLimited while there is less than this in the viewer's budget."""
        if self.budget is None:
            return
        if self.budget.spend(0).remaining < min(cost, self.budget.limit):
            self.charge(cost)

    def charge_time(self) -> None:
        """Take from the budget, as far as it goes, for the time that PostgreSQL has worked beyond
        what is usual. What an operation asks for does not say how long it takes.
        """
        if self.budget is None or self.allowance is None:
            return
        seconds = self.sql_seconds
        if seconds > USUAL_SECONDS:
            cost = min(int(seconds * COST_OF_A_SECOND), self.allowance.remaining)
            self.allowance = self.budget.spend(cost)

    def tasks(self, user_id: str | None = None) -> Tasks:
        """The viewer's tasks: the only way to any task.

        A `userId` that names someone else raises Forbidden: the client said so itself.
        """
        if user_id is not None and user_id.lower() != str(self.viewer.id):
            raise Forbidden("`userId` names someone else; leave it out, or send your own.")
        return Tasks(self.connection, self.selected_columns("Task", ALL))

    def selected_columns(self, kind: str, every: frozenset[str]) -> frozenset[str]:
        """Which attributes will be read of a type, of all that it has."""
        return every if self.reads is None else self.reads.get(kind, NOTHING) & every


Info: TypeAlias = strawberry.Info[Context, None]

SHARED = "shared"
"""In a field's metadata: it is the viewer's, so all objects of a list have the same value."""
