"""Edits: the changes of an update to a task."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Text,
    and_,
    bindparam,
    cast,
    false,
    func,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from todo_graphql.store.models import TASKS
from todo_graphql.store.quota import BYTES, count_bytes
from todo_graphql.store.stamps import WRITTEN_AT
from todo_graphql.store.tasks.derived import WEIGHTS, derive, due_instant, replace_words
from todo_graphql.store.tasks.json_records import select_records
from todo_graphql.store.tasks.selections import BULK_MAX
from todo_graphql.store.text.tags import edit_tags

DERIVED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "title": ("title_key", "title_order"),
        "description": ("description_key",),
        "tags": ("tag_keys",),
    }
)
"""The derived columns of each text, besides its search words."""

TAG_EDIT_COLUMNS: Mapping[str, TypeEngine[Any]] = MappingProxyType(
    {"old": ARRAY(Text), "tags": ARRAY(Text), "tag_keys": ARRAY(Text), "words": Text()}
)
"""The columns of an edit of tags, for all tasks with the same `old` tags."""

# Parsed once per statement. Citus refuses a function that is not IMMUTABLE in a subquery on tasks.
TAG_EDITS = select_records("tag_edits", TAG_EDIT_COLUMNS).cte("tag_edits")


class EditsShape(NamedTuple):
    """Edits without their values, on which the text of a statement depends."""

    columns: tuple[str, ...]
    changes_tags: bool
    completed: bool | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the texts with a new value."""
        given = tuple(name for name in self.columns if name in WEIGHTS)
        return (*given, "tags") if self.changes_tags else given

    def sources(self) -> dict[str, ColumnElement[Any]]:
        """Return the new value of each column that is not derived."""
        new = {name: _parameter(name) for name in self.columns}
        if self.changes_tags:
            new["tags"] = _edited("tags")
        return new

    def expressions(self) -> dict[str, ColumnElement[Any]]:
        """Return the new value of each column."""
        new = self.sources()
        for text in self.texts:
            is_edited = text == "tags" and self.changes_tags
            derived = _edited if is_edited else _parameter
            new |= {name: derived(name) for name in DERIVED[text]}
        if self.texts:
            edited = (_edited("words"),) if self.changes_tags else ()
            new["words"] = replace_words(self.texts, bindparam("new_words", type_=Text()), *edited)
        if not {"due_on", "due_at"}.isdisjoint(new):
            due = {name: new.get(name, TASKS.c[name]) for name in ("due_on", "due_at")}
            new["due"] = due_instant(**due)
        if self.completed is not None:
            stamp = func.coalesce(TASKS.c.completed_at, WRITTEN_AT)
            new["completed_at"] = stamp if self.completed else null()
        return new

    def differences(self) -> list[ColumnElement[bool]]:
        """Return conditions of which at least one holds if the edits change the task."""
        differ = [TASKS.c[name].is_distinct_from(new) for name, new in self.sources().items()]
        if self.completed is None:
            return differ
        is_open = TASKS.c.completed_at.is_(None)
        return [*differ, is_open if self.completed else ~is_open]

    @property
    def changes_size(self) -> bool:
        """Return whether the edits can change the size of a task."""
        return self.changes_tags or not BYTES.keys().isdisjoint(self.columns)

    def added_bytes(self) -> ColumnElement[int] | None:
        """Return the bytes that the edits add to a task; None if its size cannot change."""
        if not self.changes_size:
            return None
        new = {name: value for name, value in self.sources().items() if name in BYTES}
        return count_bytes(new) - count_bytes({name: TASKS.c[name] for name in new})


@dataclass(frozen=True, slots=True)
class Edits:
    """New values of columns, tags to add and to remove, and whether to complete or reopen."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    completed: bool | None = None

    @property
    def changes_tags(self) -> bool:
        return bool(self.add_tags or self.remove_tags)

    def split(self) -> tuple[EditsShape, dict[str, Any]]:
        """Return the shape and the values of its parameters, without `tag_edits`."""
        columns = replace_due(self.columns)
        parameters = {f"new_{name}": value for name, value in with_derived(columns).items()}
        return EditsShape(tuple(columns), self.changes_tags, self.completed), parameters

    def edit_tags(self, present: Sequence[Sequence[str]]) -> dict[tuple[str, ...], list[str]]:
        """Return the new tags of tasks that have these tags at present.

        The result is empty for more than BULK_MAX tasks, which a write does not change anyway:
        PostgreSQL would look for the edit of each of them.
        """
        if len(present) > BULK_MAX:
            return {}
        return {tuple(old): edit_tags(old, self.add_tags, self.remove_tags) for old in present}


def replace_due(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return new values of columns. A new due date replaces one of the other kind."""
    replaced = dict(columns)
    for one, other in (("due_on", "due_at"), ("due_at", "due_on")):
        if columns.get(one) is not None:
            replaced[other] = None
    return replaced


def with_derived(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return new values of columns and of those that are derived from their texts."""
    return {**columns, **derive({name: columns[name] for name in WEIGHTS if name in columns})}


def format_tag_edits(edited: Mapping[tuple[str, ...], Sequence[str]]) -> str:
    """Return the value of the parameter `tag_edits`."""
    edits = [{"old": old, **derive({"tags": new})} for old, new in edited.items()]
    return json.dumps(edits, ensure_ascii=False)


def _parameter(name: str) -> ColumnElement[Any]:
    return cast(bindparam(f"new_{name}"), TASKS.c[name].type)


def _edited(name: str) -> ColumnElement[Any]:
    """Return a column of the edit of the task's tags."""
    edits = TAG_EDITS.c
    return select(edits[name]).where(edits.old == TASKS.c.tags).scalar_subquery()


EXPECTED = bindparam("expected_revision", type_=Integer())


class Change(NamedTuple):
    """New values of columns, and the condition for tasks that change."""

    values: Mapping[str, ColumnElement[Any]]
    when: ColumnElement[bool]


def update_change(edits: EditsShape, *, expects_revision: bool) -> Change:
    """Return the change by edits, of tasks that differ and are at the expected revision."""
    expected = TASKS.c.revision == EXPECTED if expects_revision else true()
    return Change(edits.expressions(), and_(or_(false(), *edits.differences()), expected))


def mark_change(column: str, *, clears: bool) -> Change:
    """Return the change that sets an instant where it is null, or clears it where it is set."""
    is_set = TASKS.c[column].is_not(None)
    if clears:
        return Change({column: null()}, is_set)
    return Change({column: WRITTEN_AT}, ~is_set)
