"""States of tasks that clients keep, and the rows of a push.

Each row has the state before and after the edits of the client.
"""

import uuid
from collections.abc import Mapping
from typing import Any, NoReturn

import strawberry
from strawberry import Maybe

from todo_graphql.api.comparators import camel
from todo_graphql.api.mutations.task_inputs import parse_value
from todo_graphql.api.mutations.task_lists import find_duplicates, require_size
from todo_graphql.api.mutations.task_values import EditableValues
from todo_graphql.api.scalars import uuid_of
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store import validation
from todo_graphql.store.sync.merge import UNKNOWN
from todo_graphql.store.sync.outcomes import PushedTask, Rejection
from todo_graphql.store.sync.push import PUSH_MAX
from todo_graphql.store.tasks.values.rows import EDITABLE

FIELDS = (*EDITABLE, "trashed")
DUE = ("due_on", "due_at")


@strawberry.input(
    description="The state of a task as a client keeps it. A client can leave out fields that it "
    "does not keep: a field that neither `assumed` nor `task` has stays unchanged."
)
class TaskState(EditableValues):
    trashed: Maybe[bool | None] = strawberry.field(
        description="Indicates whether the task is in the trash. It cannot be null."
    )
    purged: Maybe[bool | None] = strawberry.field(
        description="Indicates whether the task is permanently deleted. The other fields are then "
        "ignored."
    )

    @property
    def is_purged(self) -> bool:
        return self.purged is not None and self.purged.value is True

    def given(self) -> dict[str, Any]:
        """Return the values that are not omitted."""
        maybe = {name: getattr(self, name) for name in FIELDS}
        return {name: some.value for name, some in maybe.items() if some is not None}


@strawberry.input(description="The edits of one task.")
class PushTaskInput:
    assumed: TaskState | None = strawberry.field(
        default=None,
        description="The state on the server from which the client began, as far as it knows. Null "
        "for a task that the client created. A field that it omits was empty. If it is named, its "
        "variable cannot be omitted.",
    )
    task: TaskState = strawberry.field(description="The state of the task after the edits.")

    def to_store(self, path: str) -> PushedTask:
        """Return the edits. Raise BadUserInput with the path of an invalid field."""
        task_id = uuid_of(self.task.id, f"{path}.task.id")
        if self.assumed is not None and self.assumed.id.lower() != self.task.id.lower():
            raise BadUserInput(
                "`assumed` and `task` must have the same id.",
                reason=InputReason.MISMATCH,
                field=f"{path}.assumed.id",
            )
        if self.task.is_purged:
            return PushedTask(task_id, path, None, {}, {}, purges=True)
        new = self.task.given()
        if self.assumed is None or self.assumed.is_purged:
            return _edits(task_id, path, None, new)
        old = self.assumed.given()
        _require_values(old, new, path)
        return _edits(task_id, path, old, new)


def _edits(
    task_id: uuid.UUID, path: str, old: Mapping[str, Any] | None, new: Mapping[str, Any]
) -> PushedTask:
    """Return the fields that the client changed, in the form in which they are stored."""
    changed = [name for name in new if old is None or name not in old or old[name] != new[name]]
    parsed = {name: _parse(name, new[name], f"{path}.task") for name in changed}
    values = _join_due_dates(parsed, new)
    due_on, due_at = values.get("due", (None, None))
    validation.require_one_due_date(due_on, due_at, f"{path}.task.dueAt")
    base = None
    if old is not None:
        known = {name: _parse_base(name, old[name]) for name in changed if name in old}
        base = _join_due_dates(known, old)
    sent = _join_due_dates({name: _as_sent(name, value) for name, value in new.items()}, new)
    return PushedTask(task_id, path, base, values, sent)


def _require_values(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> None:
    """Raise BadUserInput for a field with a value that only `assumed` has.

    The other kind of due date can replace a due date.
    """
    replaces_due = any(new.get(name) is not None for name in DUE)
    for name, value in old.items():
        is_lost = name not in new and _as_sent(name, value)
        if is_lost and not (replaces_due and name in DUE):
            raise BadUserInput(
                "Missing value: `assumed` has this field, and `task` has not. Null or an empty "
                "list clears a field.",
                reason=InputReason.REQUIRED,
                field=f"{path}.task.{camel(name)}",
            )


def _join_due_dates(values: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with one field for the due date, if one of its kinds is among them."""
    joined = {name: value for name, value in values.items() if name not in DUE}
    if any(name in values for name in DUE):
        joined["due"] = tuple(state.get(name) for name in DUE)
    return joined


def _parse(name: str, value: Any, path: str) -> Any:
    """Return the value in the form in which it is stored. Raise BadUserInput with its path."""
    if name == "trashed" and value is None:
        raise BadUserInput(
            "`trashed` cannot be null.", reason=InputReason.REQUIRED, field=f"{path}.trashed"
        )
    return parse_value(name, value, path)


def _as_sent(name: str, value: Any) -> Any:
    """Return the value in the type in which it is stored, with texts in the form of the client."""
    return value if isinstance(value, str | list) else _parse_base(name, value)


def _parse_base(name: str, value: Any) -> Any:
    """Return the value in the form in which it is stored, UNKNOWN if it cannot be stored."""
    try:
        return parse_value(name, value, "")
    except BadUserInput:
        return UNKNOWN


def parse_rows(
    rows: list[PushTaskInput], malformed: Mapping[str, Rejection]
) -> list[PushedTask | Rejection]:
    """Return the edits of different tasks, and the rejections of invalid rows.

    `malformed` has the rejections of placeholders, by their ids. Raises BadUserInput for the number
    of rows.
    """
    require_size(rows, PUSH_MAX, "rows")
    rejections = [malformed.get(row.task.id) for row in rows]
    ids = [
        row.task.id if rejection is None else rejection.task_id or None
        for row, rejection in zip(rows, rejections, strict=True)
    ]
    duplicates = set(find_duplicates(ids))
    return [
        rejection or _parse_row(row, f"rows.{number}", is_duplicate=number in duplicates)
        for number, (row, rejection) in enumerate(zip(rows, rejections, strict=True))
    ]


def _parse_row(row: PushTaskInput, path: str, *, is_duplicate: bool) -> PushedTask | Rejection:
    try:
        if is_duplicate:
            _reject_duplicate(f"{path}.task.id")
        return row.to_store(path)
    except BadUserInput as problem:
        return Rejection(row.task.id, problem)


def _reject_duplicate(field: str) -> NoReturn:
    raise BadUserInput(
        "Duplicate id: a task can have one row. Send further edits in another push.",
        reason=InputReason.DUPLICATE,
        field=field,
    )
