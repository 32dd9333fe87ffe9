"""What an update sets of a task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, func, literal

from todo_graphql.store.models import TASKS

NOTHING: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edits:
    """New values of columns, and tags to add to those that are there, or to take away."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    add_tags: tuple[str, ...] = NOTHING
    remove_tags: tuple[str, ...] = NOTHING

    def values(self) -> dict[str, Any]:
        """The columns to set. One kind of due date takes the place of the other."""
        values = dict(self.columns)
        for one, other in (("due_on", "due_at"), ("due_at", "due_on")):
            if values.get(one) is not None:
                values[other] = None
        if self.add_tags or self.remove_tags:
            values["tags"] = func.todo_edit_tags(
                TASKS.c.tags, _texts(self.add_tags), _texts(self.remove_tags)
            )
        return values

    def differences(self) -> list[ColumnElement[bool]]:
        """Conditions of which one holds when the values are not there already."""
        return [TASKS.c[name].is_distinct_from(value) for name, value in self.values().items()]


def _texts(tags: tuple[str, ...]) -> ColumnElement[Any]:
    return literal(list(tags), ARRAY(Text))
