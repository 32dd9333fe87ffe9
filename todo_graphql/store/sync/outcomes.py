"""Outcomes of pushed tasks: the effect of each of them, before anything is written."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from todo_graphql.errors import BadUserInput, InputReason, Problem
from todo_graphql.store.quota import BYTES
from todo_graphql.store.sync.changes import Change
from todo_graphql.store.sync.merge import EMPTY, Values, merge_values
from todo_graphql.store.tasks.rows import NewTask, TaskRow
from todo_graphql.store.validation import require_few_tags, require_task_id


@dataclass(frozen=True, slots=True)
class PushedTask:
    """Edits of a task by a client: the `new` values that it changed, and its base for them.

    The base is None for a new task. `sent` is the whole state after the edits, in the form of the
    client.
    """

    id: uuid.UUID
    path: str
    base: Values | None
    new: Values
    sent: Values
    purges: bool = False


class Rejection(NamedTuple):
    """Pushed task that breaks a rule. The id is the text that the client sent."""

    task_id: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Outcome:
    """Effect of a pushed task.

    It is a new task, new values of columns and of the mark of the trash, a purge, or nothing.
    `tasks` and `bytes` are the storage that it adds.
    """

    id: uuid.UUID
    is_conflict: bool = False
    purges: bool = False
    created: NewTask | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    trashed: bool | None = None
    tasks: int = 0
    bytes: int = 0


def resolve(pushed: PushedTask, found: Change | None, viewer_id: str) -> Outcome:
    """Return the outcome for a task that exists, was purged, or is unknown.

    Raises BadUserInput for a new task or merged tags that break a rule.
    """
    task = None if found is None else found.task
    if pushed.purges:
        return Outcome(pushed.id, purges=task is not None)
    if task is not None:
        return _merge(pushed, task)
    if found is None and pushed.base is None:
        return _create(pushed, viewer_id)
    return Outcome(pushed.id, is_conflict=True)


def columns_of(pushed: Sequence[PushedTask]) -> frozenset[str]:
    """Return the columns that the merge of these tasks reads."""
    sources = {"due": ("due_on", "due_at"), "trashed": ("deleted_at",)}
    names = {name for one in pushed for name in one.sent}
    return frozenset(column for name in names for column in sources.get(name, (name,)))


def _merge(pushed: PushedTask, task: TaskRow) -> Outcome:
    present = {name: _present(task, name) for name in pushed.sent}
    changes, conflicts = merge_values(pushed.base, pushed.new, present)
    require_few_tags(changes.get("tags", ()), f"{pushed.path}.task.tags")
    return Outcome(
        pushed.id,
        # If nothing is written, no later change tells the client of the difference.
        is_conflict=bool(conflicts) or (not changes and present != pushed.sent),
        columns=_columns(changes),
        trashed=changes.get("trashed"),
        bytes=sum(_size(changes[name]) - _size(present[name]) for name in changes.keys() & BYTES),
    )


def _present(task: TaskRow, name: str) -> Any:
    match name:
        case "due":
            return task.due_on, task.due_at
        case "trashed":
            return task.deleted_at is not None
    return getattr(task, name)


def _create(pushed: PushedTask, viewer_id: str) -> Outcome:
    require_task_id(pushed.id, viewer_id, f"{pushed.path}.task.id")
    columns = _columns(pushed.new)
    if columns.get("title") is None:
        raise BadUserInput(
            "A new task must have a title.",
            reason=InputReason.REQUIRED,
            field=f"{pushed.path}.task.title",
        )
    tags = tuple(columns.pop("tags", EMPTY["tags"]))
    task = NewTask(id=pushed.id, tags=tags, **columns)
    trashed = pushed.new.get("trashed") or None
    return Outcome(pushed.id, created=task, trashed=trashed, tasks=1, bytes=task.size())


def _columns(values: Values) -> dict[str, Any]:
    """Return the columns that `setTasks` sets, with both columns of a due date."""
    columns = {name: value for name, value in values.items() if name not in ("due", "trashed")}
    if "due" in values:
        columns["due_on"], columns["due_at"] = values["due"]
    return columns


def _size(text: str | Sequence[str] | None) -> int:
    """Return the bytes of a text, or of a list of texts."""
    parts = (text,) if isinstance(text, str) else text or ()
    return sum(len(part.encode()) for part in parts)
