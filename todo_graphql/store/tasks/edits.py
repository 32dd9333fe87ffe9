"""Edits: the changes of an update to a task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, ColumnElement, Text, bindparam, cast, func

from todo_graphql.store.models import TASKS
from todo_graphql.store.quota import BYTES, count_bytes


class EditsShape(NamedTuple):
    """Edits without their values, on which the text of a statement depends."""

    columns: tuple[str, ...]
    edits_tags: bool

    def expressions(self) -> dict[str, ColumnElement[Any]]:
        """Return the new value of each column."""
        new: dict[str, ColumnElement[Any]] = {
            name: cast(bindparam(f"new_{name}"), TASKS.c[name].type) for name in self.columns
        }
        if self.edits_tags:
            new["tags"] = func.todo_edit_tags(
                TASKS.c.tags, _texts("add_tags"), _texts("remove_tags")
            )
        return new

    def differences(self) -> list[ColumnElement[bool]]:
        """Return conditions of which at least one holds if the edits change the task."""
        return [TASKS.c[name].is_distinct_from(new) for name, new in self.expressions().items()]

    @property
    def changes_size(self) -> bool:
        """Return whether the edits can change the size of a task."""
        return self.edits_tags or not BYTES.keys().isdisjoint(self.columns)

    def added_bytes(self) -> ColumnElement[int] | None:
        """Return the bytes that the edits add to a task; None if its size cannot change."""
        if not self.changes_size:
            return None
        new = {name: value for name, value in self.expressions().items() if name in BYTES}
        return count_bytes(new) - count_bytes({name: TASKS.c[name] for name in new})


@dataclass(frozen=True, slots=True)
class Edits:
    """New values of columns, and tags to add and to remove."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()

    def split(self) -> tuple[EditsShape, dict[str, Any]]:
        """Return the shape and the values of its parameters."""
        columns = dict(self.columns)
        # A new due date replaces one of the other kind.
        for one, other in (("due_on", "due_at"), ("due_at", "due_on")):
            if columns.get(one) is not None:
                columns[other] = None
        shape = EditsShape(tuple(columns), bool(self.add_tags or self.remove_tags))
        values = {f"new_{name}": value for name, value in columns.items()}
        if shape.edits_tags:
            values |= {"add_tags": list(self.add_tags), "remove_tags": list(self.remove_tags)}
        return shape, values


def _texts(name: str) -> ColumnElement[Any]:
    return cast(bindparam(name), ARRAY(Text))
