"""The context of an operation, which every resolver receives."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import strawberry
from graphql import NameNode, OperationDefinitionNode, SelectionSetNode

from todo_graphql.api.budget import Allowance, Budget
from todo_graphql.api.execution.response_size import ResponseSize
from todo_graphql.errors import Forbidden, RateLimited
from todo_graphql.store.idempotency import IdempotencyKeys
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import ALL
from todo_graphql.store.tasks.values.rows import VALUES
from todo_graphql.store.users import Users

if TYPE_CHECKING:
    from todo_graphql.api.documents.cache import Document
    from todo_graphql.api.documents.required_values import MissingValues
    from todo_graphql.api.sync.live_reads import LiveRead
    from todo_graphql.store.sync.outcomes import Rejection

SelectedColumns: TypeAlias = Mapping[str, frozenset[str]]
"""The attributes that an operation selects, by the name of their type."""

NOTHING: frozenset[str] = frozenset()
PREVIOUS = frozenset({"previous"})


class Context:
    """Viewer, database connection and budget of one operation.

    `selection` is None if any attribute may be read. `document` is kept until the response is sent:
    a copy that is not cached is freed after it. `operation` and `cost` are set once the document is
    valid, `allowance` once a cost is checked or charged, `missing_values` and `response_size`
    before the execution. `malformed_rows` are the rejections of rows of a push, by the ids of their
    placeholders. `charged` is all that the operation has cost, and `deducted` the part of
    it since the allowance. `refundable` is the part of the charged cost for fields that were not
    returned. Without a `budget` the total cost of operations is unlimited. Only the
    operation of a stream has a `live_read`.
    """

    response_size: ResponseSize

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
        self.selection: SelectedColumns | None = None
        self.document: Document | None = None
        self.operation: OperationDefinitionNode | None = None
        self.cost: int | None = None
        self.missing_values: MissingValues = {}
        self.malformed_rows: Mapping[str, Rejection] = {}
        self.budget = budget
        self.allowance: Allowance | None = None
        self.charged = 0
        self.deducted = 0
        self.refundable = 0
        self.has_new_document = False
        self.live_read: LiveRead | None = None

    @property
    def is_subscription(self) -> bool:
        """Return whether the operation is known to be a subscription."""
        return self.operation is not None and self.operation.operation.value == "subscription"

    @cached_property
    def users(self) -> Users:
        return Users(self.connection, self.viewer)

    @cached_property
    def idempotency_keys(self) -> IdempotencyKeys:
        return IdempotencyKeys(self.connection)

    @property
    def sql_seconds(self) -> float:
        """Return the time spent waiting for PostgreSQL, including the current wait."""
        seconds = self.connection.current_wait
        for timing in self.connection.timings:
            seconds += timing.ended - timing.began
        return seconds

    @property
    def statements(self) -> int:
        """Return the number of statements sent, including one in progress."""
        return len(self.connection.timings) + (self.connection.current_wait > 0)

    @property
    def is_free(self) -> bool:
        """Return whether the operation costs nothing.

        It costs nothing if the budget is unlimited or does not cover it. A new document is parsed
        before its cost is known, which is not free.
        """
        if self.budget is None:
            return True
        allowance = self.allowance
        return allowance is not None and allowance.retry_after > 0 and not self.has_new_document

    @property
    def remaining(self) -> int:
        """Return what remains of the allowance after the deductions since then."""
        return max(0, self.allowance.remaining - self.deducted) if self.allowance else 0

    def charge(self, cost: int) -> None:
        """Charge a cost to the viewer's budget, at most the whole budget.

        Raises RateLimited, and charges nothing, if less remains.
        """
        if self.budget is None:
            return
        cost = min(cost, self.budget.limit)
        self._accept(self.budget.spend(cost))
        self.charged += cost

    def require_budget(self, cost: int) -> None:
        """Raise RateLimited if less than the cost of a new document remains in the budget."""
        if self.budget is not None:
            self._accept(self.budget.check(min(cost, self.budget.limit)))
        self.has_new_document = True

    def _accept(self, allowance: Allowance) -> None:
        """Keep the state of the budget. Raise RateLimited if the cost was rejected."""
        self.allowance = allowance
        self.deducted = 0
        if allowance.retry_after:
            raise RateLimited(
                "Rate limit exceeded. Try again later.", retry_after=allowance.retry_after
            )

    def deduct(self, cost: int) -> None:
        """Charge a cost that is known after the work, even if less remains."""
        if self.budget is not None:
            self.budget.deduct(cost)
            self.charged += cost
            self.deducted += cost

    def refund(self, cost: int) -> None:
        """Charge back a part of the cost that was charged."""
        if self.budget is not None:
            self.budget.refund(cost)
            self.charged -= cost
            self.deducted -= cost

    def require_own_id(self, user_id: str | None) -> None:
        """Raise Forbidden if `userId` names another user."""
        if user_id is not None and user_id.lower() != self.viewer.key:
            raise Forbidden("`userId` names another user. Omit it, or send your own id.")

    def release_document(self) -> None:
        """Free the document and the page of an operation that goes on as a stream.

        Only the type and the name of the operation remain, for the log.
        """
        self.document = self.live_read = None
        if self.operation is not None:
            given, name = self.operation, self.operation.name
            self.operation = OperationDefinitionNode(
                operation=given.operation,
                name=None if name is None else NameNode(value=name.value),
                selection_set=SelectionSetNode(selections=()),
            )

    def tasks(self, user_id: str | None = None, payload: str | None = None) -> Tasks:
        """Return the viewer's tasks. Raises Forbidden if `userId` names another user.

        The tasks have their previous values if the operation selects those of the `payload`.
        """
        self.require_own_id(user_id)
        previous = NOTHING
        if payload is not None and self.selected_columns(payload, PREVIOUS):
            previous = self.selected_columns("TaskValues", VALUES) | {"id"}
        return Tasks(self.connection, self.selected_columns("Task", ALL), previous)

    def selected_columns(self, kind: str, every: frozenset[str]) -> frozenset[str]:
        """Return the attributes of a type that the operation selects."""
        return every if self.selection is None else self.selection.get(kind, NOTHING) & every


Info: TypeAlias = strawberry.Info[Context, None]

SHARED = "shared"
"""Metadata key of fields that have the same value for all objects of a viewer."""
