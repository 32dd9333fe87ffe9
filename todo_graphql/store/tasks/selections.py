"""Selections: the tasks of a bulk mutation, by ids or by a filter."""

import uuid
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, ColumnElement, Integer, Uuid, any_, bindparam, false, true

from todo_graphql.errors import Conflict, ConflictReason, NotFound
from todo_graphql.store.models import TASKS
from todo_graphql.store.tasks import write_results
from todo_graphql.store.tasks.filters import FilterShape, TaskFilter
from todo_graphql.store.tasks.write_results import WriteResult

BULK_MAX = 500
BULK_DEFAULT = 100
DRY_RUN_ROWS = 10


IS_NAMED = TASKS.c.id == any_(bindparam("ids", type_=ARRAY(Uuid())))
AT_MOST = bindparam("at_most", type_=Integer())


class SelectionShape(NamedTuple):
    """Selection without its values, on which the text of a statement depends.

    Without a filter, the ids select the tasks.
    """

    filter: FilterShape | None = None
    is_bounded: bool = False
    dry_run: bool = False

    @property
    def plan_depends_on_values(self) -> bool:
        return self.filter is not None and self.filter.plan_depends_on_values

    def predicates(self) -> list[ColumnElement[bool]]:
        """Return the predicates, which extend the owner predicate."""
        return [IS_NAMED] if self.filter is None else self.filter.predicates()

    def allows(self, count: ColumnElement[int]) -> ColumnElement[bool]:
        """Return whether a write may change this many tasks."""
        if self.dry_run:
            return false()
        if self.filter is None:
            return count == AT_MOST
        return count <= AT_MOST if self.is_bounded else true()

    @property
    def max_rows(self) -> int:
        """Maximum number of tasks in the result."""
        return DRY_RUN_ROWS if self.dry_run and self.filter is not None else BULK_MAX


@dataclass(frozen=True, slots=True)
class TaskSelection:
    """Tasks to change, selected by ids or by a filter.

    Nothing changes if a filter finds more than `at_most` tasks, or in a dry run.
    """

    ids: tuple[uuid.UUID, ...] | None = None
    single: bool = False
    filter: TaskFilter = field(default_factory=TaskFilter)
    at_most: int | None = None
    dry_run: bool = False

    @classmethod
    def one(cls, task_id: uuid.UUID) -> "TaskSelection":
        """Select a single task."""
        return cls(ids=(task_id,), single=True)

    def in_the_trash(self) -> "TaskSelection":
        """Restrict the filter to the trash."""
        return replace(self, filter=replace(self.filter, trashed=True))

    def split(self) -> tuple[SelectionShape, dict[str, Any]]:
        """Return the shape and the values of its parameters."""
        limit = {"max_result_bytes": write_results.MAX_RESULT_BYTES}
        if self.ids is not None:
            ids = list(map(str, self.ids))
            values = {"ids": ids, "at_most": len(ids), "task_id": ids[0] if self.single else None}
            return SelectionShape(dry_run=self.dry_run), values | limit
        which, values = self.filter.split()
        shape = SelectionShape(which, self.at_most is not None, self.dry_run)
        return shape, values | limit | {"at_most": self.at_most}

    def check(self, written: WriteResult) -> WriteResult:
        """Raise NotFound with the missing ids, or Conflict with the number of matching tasks.

        In both cases the write has changed nothing.
        """
        if self.ids is not None and written.number < len(self.ids):
            raise self._missing({row.id for row in written.rows})
        if not self.dry_run and self.at_most is not None and written.number > self.at_most:
            raise Conflict(
                f"The filter matches {written.number} tasks, more than `atMost`.",
                reason=ConflictReason.TOO_MANY,
                matched=written.number,
                atMost=self.at_most,
            )
        return written

    def _missing(self, found: set[str]) -> NotFound:
        assert self.ids is not None
        if self.single:
            return task_not_found()
        missing = [str(task_id) for task_id in self.ids if str(task_id) not in found]
        return NotFound("Some of these tasks do not exist.", missing=missing)


def task_not_found() -> NotFound:
    """Return the error of a task that does not exist or belongs to another user."""
    return NotFound("There is no such task.")
