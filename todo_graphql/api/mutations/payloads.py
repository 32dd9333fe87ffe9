"""Payloads of mutations. Each mutation has its own type, which can gain fields independently."""

import dataclasses
from typing import Any, Self

import strawberry
from strawberry import ID

from todo_graphql.api.mutations.task_values import TaskValues
from todo_graphql.api.types import Task
from todo_graphql.store.sync.changes import Change
from todo_graphql.store.sync.push import RejectedRow
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.tasks.selections import DRY_RUN_ROWS
from todo_graphql.store.tasks.values.rows import TaskValuesRow
from todo_graphql.store.tasks.write_results import WriteResult


@strawberry.type
class Payload:
    """Payload that can be stored as JSON under an idempotency key."""

    def to_json(self) -> dict[str, Any]:
        """Return the payload as JSON values."""
        names = [field.name for field in dataclasses.fields(self)]
        return {name: _to_json(getattr(self, name)) for name in names}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the payload that `to_json` serialized, in this release or another one."""
        names = [field.name for field in dataclasses.fields(cls) if field.name in content]
        return cls(**{name: _from_json(content[name]) for name in names})


ROWS: tuple[tuple[str, type[Any]], ...] = (
    ("expected_revision", TaskValuesRow),
    ("code", RejectedRow),
    ("task", Change),
    ("title", TaskRow),
)
"""The types of rows, each with a field that none of the later types has."""

ROW_TYPES = tuple(row for _, row in ROWS)


def _to_json(value: Any) -> Any:
    if isinstance(value, ROW_TYPES):
        return {name: _to_json(item) for name, item in value._asdict().items()}
    return [_to_json(item) for item in value] if isinstance(value, list) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        row = next(row for field, row in ROWS if field in value)
        return row(**{name: _from_json(value[name]) for name in row._fields if name in value})
    return [_from_json(item) for item in value] if isinstance(value, list) else value


@strawberry.type
class RevisionPayload(Payload):
    revision: int = strawberry.field(
        description="The user's revision after the mutation. Unchanged if nothing has changed."
    )


@strawberry.type
class TaskPayload(RevisionPayload):
    task: Task = strawberry.field(description="The task in its current state.")

    @classmethod
    def from_write(cls, written: WriteResult) -> Self:
        (row,) = written.rows
        return cls(revision=written.revision, task=Task.from_row(row))


@strawberry.type
class TasksPayload(RevisionPayload):
    count: int = strawberry.field(description="The number of tasks that the mutation applies to.")
    tasks: list[Task] = strawberry.field(
        description="The selected tasks in their current state, newest first. Changed tasks have "
        f"the `revision` of the payload. A dry run by filter returns only the first {DRY_RUN_ROWS}."
    )

    @classmethod
    def from_write(cls, written: WriteResult) -> Self:
        tasks = Task.from_rows(written.rows)
        return cls(revision=written.revision, count=written.number, tasks=tasks)


@strawberry.type
class ChangedTasksPayload(TasksPayload):
    previous: list[TaskValues] = strawberry.field(
        default_factory=list,
        description="The values of each task that the mutation changed, before it changed them. "
        "Send them as the input of `setTasks` to undo the mutation. Empty for a dry run.",
    )

    @classmethod
    def from_write(cls, written: WriteResult) -> Self:
        return cls(
            revision=written.revision,
            count=written.number,
            tasks=Task.from_rows(written.rows),
            previous=TaskValues.from_rows(written.previous),
        )


@strawberry.type(description="The result of `createTask`.")
class CreateTaskPayload(TaskPayload):
    pass


@strawberry.type(description="The result of `updateTask`.")
class UpdateTaskPayload(TaskPayload):
    pass


@strawberry.type(description="The result of `completeTask`.")
class CompleteTaskPayload(TaskPayload):
    pass


@strawberry.type(description="The result of `reopenTask`.")
class ReopenTaskPayload(TaskPayload):
    pass


@strawberry.type(description="The result of `moveTask`.")
class MoveTaskPayload(TaskPayload):
    pass


@strawberry.type(description="The result of `deleteTask`.")
class DeleteTaskPayload(TaskPayload):
    pass


@strawberry.type(description="The result of `restoreTask`.")
class RestoreTaskPayload(TaskPayload):
    pass


@strawberry.type(description="The result of `purgeTask`.")
class PurgeTaskPayload(RevisionPayload):
    task_id: ID = strawberry.field(description="The id of the deleted task.")


@strawberry.type(description="The result of `createTasks`.")
class CreateTasksPayload(TasksPayload):
    tasks: list[Task] = strawberry.field(
        description="The created tasks in their current state, in the order of the input."
    )


@strawberry.type(description="The result of `updateTasks`.")
class UpdateTasksPayload(ChangedTasksPayload):
    pass


@strawberry.type(description="The result of `setTasks`.")
class SetTasksPayload(ChangedTasksPayload):
    tasks: list[Task] = strawberry.field(
        description="The tasks in their current state, in the order of the input."
    )


@strawberry.type(description="The result of `completeTasks`.")
class CompleteTasksPayload(ChangedTasksPayload):
    pass


@strawberry.type(description="The result of `reopenTasks`.")
class ReopenTasksPayload(ChangedTasksPayload):
    pass


@strawberry.type(description="The result of `deleteTasks`.")
class DeleteTasksPayload(TasksPayload):
    pass


@strawberry.type(description="The result of `restoreTasks`.")
class RestoreTasksPayload(TasksPayload):
    pass


@strawberry.type(description="The result of `emptyTrash`.")
class EmptyTrashPayload(RevisionPayload):
    count: int = strawberry.field(description="The number of deleted tasks.")


@strawberry.type(description="The result of `deleteAccount`.")
class DeleteAccountPayload(Payload):
    user_id: ID = strawberry.field(description="The id of the deleted user.")
