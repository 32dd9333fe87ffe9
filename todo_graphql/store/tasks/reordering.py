"""Reordering of tasks by fractional indexing: a move changes one row."""

import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Executable, Select, Text, bindparam, cast, false, select, true, tuple_

from todo_graphql.errors import BadUserInput, InputReason, NotFound
from todo_graphql.store.models import TASKS
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.ranks import rank_between
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.selections import task_not_found
from todo_graphql.store.tasks.single_writes import change_one_statement, parse_change_one
from todo_graphql.store.tasks.write_results import WriteResult


@dataclass(frozen=True, slots=True)
class Destination:
    """Destination of a move: before or after another task, or the end of the list."""

    before: uuid.UUID | None = None
    after: uuid.UUID | None = None

    def __post_init__(self) -> None:
        if self.before is not None and self.after is not None:
            raise BadUserInput(
                "Provide at most one of `before` and `after`.",
                reason=InputReason.NOT_COMBINABLE,
                field="after",
            )

    @property
    def anchor_id(self) -> uuid.UUID | None:
        """Task beside which to move."""
        return self.before or self.after

    @property
    def field(self) -> str | None:
        """Argument with the anchor's id."""
        if self.anchor_id is None:
            return None
        return "before" if self.before is not None else "after"


class Rank(NamedTuple):
    """New rank: a text, or the `first` or the `last` place of the list."""

    text: str | None = None
    end: str | None = None


def move(
    statements: Statements, columns: frozenset[str], task_id: uuid.UUID, to: Destination
) -> WriteResult:
    """Move a task. A task at its destination remains unchanged.

    Raises NotFound, with `field` if the anchor does not exist, and BadUserInput for a move next
    to itself.
    """
    if to.anchor_id == task_id:
        raise BadUserInput(
            "A task cannot be moved next to itself.",
            reason=InputReason.NOT_COMBINABLE,
            field=to.field,
        )
    with statements.transaction():
        rank = _compute_rank(statements, task_id, to)
        if rank is None:
            statements.write(rebalance_statement())
            rank = _compute_rank(statements, task_id, to)
        assert rank is not None, "Rebalanced ranks have gaps."
        values = {"task_id": str(task_id), "new_rank": rank.text}
        return parse_change_one(statements.write(rank_statement(columns, rank.end), values))


@cached_statement
def rebalance_statement(scope: ViewerScope) -> Executable:
    return scope.rebalance_ranks()


@cached_statement
def rank_statement(scope: ViewerScope, columns: frozenset[str], end: str | None) -> Select[Any]:
    """Set the rank of a task to a new text, or to the `first` or the `last` place of the list."""
    rank = bindparam("new_rank") if end is None else scope.end_rank(first=end == "first")
    return change_one_statement(scope, {"rank": rank}, TASKS.c.rank != rank, columns)


def _compute_rank(statements: Statements, task_id: uuid.UUID, to: Destination) -> Rank | None:
    """Return the new rank, the current one at the destination, or None without a gap."""
    values = {"task_id": str(task_id), "anchor_id": str(to.anchor_id)}
    (around,) = statements.read(_neighbours_statement(to.field), values)
    own, other, neighbour, neighbour_id = around
    if own is None:
        raise task_not_found()
    if to.anchor_id is not None and other is None:
        raise NotFound("There is no such task.", field=to.field)
    if neighbour_id == str(task_id):
        return Rank(own)
    if other is None or neighbour is None:
        return Rank(end="last" if to.before is None else "first")
    low, high = (neighbour, other) if to.before is not None else (other, neighbour)
    rank = rank_between(low, high)
    return None if rank is None else Rank(rank)


@cached_statement
def _neighbours_statement(scope: ViewerScope, field: str | None) -> Select[Any]:
    """Select the ranks of the task, of the anchor, and of the anchor's neighbour.

    Without an anchor, the neighbour is the last task of the list.
    """
    own = scope.tasks(TASKS.c.rank).where(TASKS.c.id == bindparam("task_id")).scalar_subquery()
    named = false() if field is None else TASKS.c.id == bindparam("anchor_id")
    other = scope.tasks(TASKS.c.rank, TASKS.c.id).where(named).cte("other")
    key = tuple_(TASKS.c.rank, TASKS.c.id)
    neighbours = scope.tasks(TASKS.c.rank, TASKS.c.id)
    if field is not None:
        place = select(other.c.rank, other.c.id).scalar_subquery()
        beyond = key > place if field == "after" else key < place
        neighbours = neighbours.where(beyond)
    ascending = field == "after"
    neighbour = (
        neighbours.order_by(
            *(column.asc() if ascending else column.desc() for column in (TASKS.c.rank, TASKS.c.id))
        )
        .limit(1)
        .subquery("neighbour")
    )
    return (
        select(
            own.label("own"),
            select(other.c.rank).scalar_subquery().label("other"),
            neighbour.c.rank,
            cast(neighbour.c.id, Text),
        )
        .select_from(select(true().label("always")).subquery("one"))
        .outerjoin(neighbour, true())
    )
