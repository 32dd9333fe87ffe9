"""One statement for one change, be it of one task or of many."""

import uuid
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Integer,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    false,
    func,
    literal,
    select,
    true,
    union_all,
)

from todo_graphql.errors import Conflict, NotFound
from todo_graphql.store.filters import TaskFilter
from todo_graphql.store.mine import ViewerScope
from todo_graphql.store.models import TASKS, USERS
from todo_graphql.store.rows import WIDTH, TaskRow, task_rows, wire, wire_of

BULK_MAX = 500
BULK_DEFAULT = 100
DRY_RUN_ROWS = 10


class WriteResult(NamedTuple):
    """What a write has left: the user's revision, how many tasks it was about and how many of
    them it changed, and these tasks as they are now.
    """

    revision: int
    number: int
    changed: int
    rows: Sequence[TaskRow]


IS_NAMED = TASKS.c.id == any_(cast(bindparam("ids"), ARRAY(Uuid())))
AT_MOST = bindparam("at_most", type_=Integer())

ALWAYS_READ = frozenset({"id", "created_at", "revision"})
"""What a change must know of its tasks, whatever is asked for."""


@dataclass(frozen=True, slots=True)
class TaskSelection:
    """The tasks to change: named by their ids, or those that a filter finds.

    When a filter finds more than `at_most`, nothing changes. A dry run changes nothing, either,
    however many there are.
    """

    ids: tuple[uuid.UUID, ...] | None = None
    single: bool = False
    filter: TaskFilter = field(default_factory=TaskFilter)
    at_most: int | None = None
    dry_run: bool = False

    @classmethod
    def one(cls, task_id: uuid.UUID) -> "TaskSelection":
        """A single task."""
        return cls(ids=(task_id,), single=True)

    def in_the_trash(self) -> "TaskSelection":
        """The same, of the tasks in the trash."""
        return replace(self, filter=replace(self.filter, trashed=True))

    @property
    def shape(self) -> Hashable:
        """What the text of a statement on them depends on."""
        which = "ids" if self.ids is not None else self.filter.shape
        return which, self.single, self.at_most is None, self.dry_run

    def values(self) -> dict[str, Any]:
        """The values of its parameters."""
        if self.ids is None:
            return self.filter.values() | {"at_most": self.at_most}
        return {"ids": list(map(str, self.ids)), "at_most": len(self.ids)}

    def conditions(self) -> list[ColumnElement[bool]]:
        """The predicates, to be added to the owner's."""
        return self.filter.conditions() if self.ids is None else [IS_NAMED]

    def allows(self, count: ColumnElement[int]) -> ColumnElement[bool]:
        """Whether as many may change."""
        if self.dry_run:
            return false()
        if self.ids is not None:
            return count == AT_MOST
        return true() if self.at_most is None else count <= AT_MOST

    def check(self, written: WriteResult) -> WriteResult:
        """Raises NotFound with the ids that are missing, or Conflict with how many there are.

        Then nothing has changed.
        """
        if self.ids is not None and written.number < len(self.ids):
            raise self._missing({row.id for row in written.rows})
        if not self.dry_run and self.at_most is not None and written.number > self.at_most:
            raise Conflict(
                f"The filter finds {written.number} tasks, more than `atMost`.",
                matched=written.number,
                atMost=self.at_most,
            )
        return written

    def _missing(self, found: set[str]) -> NotFound:
        assert self.ids is not None
        if self.single:
            return no_such_task()
        missing = [str(task_id) for task_id in self.ids if str(task_id) not in found]
        return NotFound("Some of these tasks do not exist.", missing=missing)

    @property
    def answered(self) -> int:
        """How many tasks to answer."""
        return DRY_RUN_ROWS if self.dry_run and self.ids is None else BULK_MAX


def change(
    scope: ViewerScope,
    selected: TaskSelection,
    values: Mapping[str, Any],
    when: ColumnElement[bool],
    columns: frozenset[str],
) -> Select[Any]:
    """Set the values of those selected for which `when` holds. Answers all of those selected."""
    read = wire(columns | ALWAYS_READ)
    matching = scope.tasks(TASKS.c.id, when.label("changes")).where(*selected.conditions())
    target = matching.cte("target")
    changing = select(target.c.id).where(target.c.changes)
    writer = scope.next_revision(when=and_(selected.allows(count_of(target)), exists(changing)))
    returning = [*read, TASKS.c.id.label("key")]
    updated = scope.update(TASKS.c.id.in_(changing), writer, values, returning)
    unchanged = scope.tasks(*read).where(
        TASKS.c.id.in_(select(target.c.id)), TASKS.c.id.not_in(select(updated.c.key))
    )
    tasks = union_all(select(*wire_of(updated)), unchanged).subquery("tasks_now")
    about = summary(scope, writer, count_of(target), count_of(updated)).subquery("summary")
    return (
        select(*wire_of(tasks), about)
        .select_from(about.outerjoin(tasks, true()))
        .order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
        .limit(selected.answered)
    )


def removal(scope: ViewerScope, selected: TaskSelection) -> Select[Any]:
    """Delete those selected for good. Answers how many there were."""
    target = scope.tasks(TASKS.c.id).where(*selected.conditions()).cte("target")
    writer = scope.next_revision(
        when=and_(selected.allows(count_of(target)), exists(select(target.c.id)))
    )
    deleted = scope.delete(TASKS.c.id.in_(select(target.c.id)), writer)
    return summary(scope, writer, count_of(target), count_of(deleted))


def written_by(answer: Sequence[Sequence[Any]]) -> WriteResult:
    """What one of these statements answered: tasks, if there are any, beside a summary."""
    there = [row for row in answer if len(row) > WIDTH and row[0] is not None]
    revision, number, changed = answer[0][-3:]
    return WriteResult(revision, number, changed, task_rows(there))


def summary(
    scope: ViewerScope, writer: CTE, number: ColumnElement[int], changed: ColumnElement[int]
) -> Select[Any]:
    """The last columns of an answer: the user's revision after the write, how many tasks it
    was about, and how many it has changed.
    """
    now = select(func.max(writer.c.revision)).scalar_subquery()
    before = scope.user(func.max(USERS.c.revision)).scalar_subquery()
    revision: ColumnElement[Any] = func.coalesce(now, before, literal(0, Integer))
    columns = [revision.label("user_revision"), number.label("number"), changed.label("changed")]
    return select(*columns)


def count_of(rows: CTE) -> ColumnElement[int]:
    """How many rows there are."""
    return select(func.count()).select_from(rows).scalar_subquery()


def no_such_task() -> NotFound:
    """One sentence for a task that never was, that is gone, and that is someone else's."""
    return NotFound("There is no such task.")
