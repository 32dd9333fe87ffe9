"""What an update sets of a task."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, bindparam, cast, func

from todo_graphql.store.models import TASKS

NOTHING: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edits:
    """New values of columns, and tags to add to those that are there, or to take away."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    add_tags: tuple[str, ...] = NOTHING
    remove_tags: tuple[str, ...] = NOTHING

    @property
    def shape(self) -> Hashable:
        """What the text of the statement depends on."""
        return tuple(self._set()), self._edits_tags

    def values(self) -> dict[str, Any]:
        """The values of its parameters."""
        values = {f"new_{name}": value for name, value in self._set().items()}
        if self._edits_tags:
            values |= {"add_tags": list(self.add_tags), "remove_tags": list(self.remove_tags)}
        return values

    @property
    def _edits_tags(self) -> bool:
        return bool(self.add_tags or self.remove_tags)

    def _set(self) -> dict[str, Any]:
        """The columns to set. One kind of due date takes the place of the other."""
        values = dict(self.columns)
        for one, other in (("due_on", "due_at"), ("due_at", "due_on")):
            if values.get(one) is not None:
                values[other] = None
        return values

    def expressions(self) -> dict[str, ColumnElement[Any]]:
        """What each column is set to, in SQL."""
        new: dict[str, ColumnElement[Any]] = {
            name: cast(bindparam(f"new_{name}"), TASKS.c[name].type) for name in self._set()
        }
        if self._edits_tags:
            new["tags"] = func.todo_edit_tags(
                TASKS.c.tags, _texts("add_tags"), _texts("remove_tags")
            )
        return new

    def differences(self) -> list[ColumnElement[bool]]:
        """Conditions of which one holds when the values are not there already."""
        return [TASKS.c[name].is_distinct_from(new) for name, new in self.expressions().items()]


def _texts(name: str) -> ColumnElement[Any]:
    return cast(bindparam(name), ARRAY(Text))
