"""Moving a task in the manual order: one row changes, whatever stands between."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, select, true, tuple_

from todo_graphql.errors import BadUserInput, NotFound
from todo_graphql.store import ranks
from todo_graphql.store.changes import Selected, Written, change, no_such_task, written_by
from todo_graphql.store.database import ViewerConnection
from todo_graphql.store.mine import Mine
from todo_graphql.store.models import TASKS


@dataclass(frozen=True, slots=True)
class Destination:
    """Right before or right after another task; at the end without either."""

    before: uuid.UUID | None = None
    after: uuid.UUID | None = None

    def __post_init__(self) -> None:
        if self.before is not None and self.after is not None:
            raise BadUserInput("Say `before` or `after`, not both.", field="after")

    @property
    def other(self) -> uuid.UUID | None:
        """The task to move to."""
        return self.before or self.after

    @property
    def field(self) -> str:
        """The argument that names it."""
        return "before" if self.before is not None else "after"


def move(connection: ViewerConnection, mine: Mine, task_id: uuid.UUID, to: Destination) -> Written:
    """Put the task where it shall be. Where it is already, nothing changes.

    Raises NotFound, with `field` when it is the other task that is missing; BadUserInput for
    a move next to itself.
    """
    if to.other == task_id:
        raise BadUserInput("A task cannot be moved next to itself.", field=to.field)
    with connection.transaction():
        rank = _new_rank(connection, mine, task_id, to)
        if rank is None:
            connection.write(mine.spread())
            rank = _new_rank(connection, mine, task_id, to)
        when = TASKS.c.rank != rank
        statement = change(mine, Selected.one(task_id), {"rank": rank}, when)
        return written_by(connection.write(statement))


def _new_rank(
    connection: ViewerConnection, mine: Mine, task_id: uuid.UUID, to: Destination
) -> ColumnElement[str] | str | None:
    """The rank to give; the task's own one where it is in its place; None when there is no room."""
    (around,) = connection.read(_look_around(mine, task_id, to))
    own, other, neighbour = around.own, around.other, around.rank
    if own is None:
        raise no_such_task()
    if to.other is not None and other is None:
        raise NotFound("There is no such task.", field=to.field)
    if around.id == task_id:
        return str(own)
    if other is None or neighbour is None:
        return mine.end_rank(first=to.before is not None)
    low, high = (neighbour, other) if to.before is not None else (other, neighbour)
    return ranks.between(low, high)


def _look_around(mine: Mine, task_id: uuid.UUID, to: Destination) -> Select[Any]:
    """The ranks of the task, of the other one, and of what is on the far side of the place
    between: the last of all when there is no other one.
    """
    own = mine.tasks(TASKS.c.rank).where(TASKS.c.id == task_id).scalar_subquery()
    other = mine.tasks(TASKS.c.rank, TASKS.c.id).where(TASKS.c.id == to.other).cte("other")
    key = tuple_(TASKS.c.rank, TASKS.c.id)
    neighbours = mine.tasks(TASKS.c.rank, TASKS.c.id)
    if to.other is not None:
        place = select(other.c.rank, other.c.id).scalar_subquery()
        beyond = key > place if to.after is not None else key < place
        neighbours = neighbours.where(beyond)
    ascending = to.after is not None
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
            neighbour.c.id,
        )
        .select_from(select(true().label("always")).subquery("one"))
        .outerjoin(neighbour, true())
    )
