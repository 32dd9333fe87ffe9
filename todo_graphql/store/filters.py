"""Filters become WHERE."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement

from todo_graphql.store.models import TASKS


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which of one's tasks: not the trash unless `trashed`; `completed` None means both."""

    completed: bool | None = None
    trashed: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """The predicates, to be added to the owner's."""
        deleted = TASKS.c.deleted_at.is_not(None)
        conditions: list[ColumnElement[bool]] = [deleted if self.trashed else ~deleted]
        if self.completed is not None:
            done = TASKS.c.completed_at.is_not(None)
            conditions.append(done if self.completed else ~done)
        return conditions
