"""What mutations answer: each its own type, so that each may grow by itself."""

import dataclasses
from typing import Any, Self

import strawberry
from strawberry import ID

from todo_graphql.api.types import Task
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.tasks.updates import DRY_RUN_ROWS, WriteResult


@strawberry.type
class Payload:
    """What can be kept as JSON for a repeated call, and made of it again."""

    def content(self) -> dict[str, Any]:
        """The payload as JSON can write it."""
        names = [field.name for field in dataclasses.fields(self)]
        return {name: _kept(getattr(self, name)) for name in names}

    @classmethod
    def restored(cls, content: dict[str, Any]) -> Self:
        """The payload that had this content."""
        return cls(**{name: _restored(value) for name, value in content.items()})


def _kept(value: Any) -> Any:
    if isinstance(value, TaskRow):
        return value._asdict()
    return [_kept(item) for item in value] if isinstance(value, list) else value


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return TaskRow(**value)
    return [_restored(item) for item in value] if isinstance(value, list) else value


@strawberry.type
class Change(Payload):
    revision: int = strawberry.field(
        description="Your revision after this. It has grown if anything has changed."
    )


@strawberry.type
class TaskPayload(Change):
    task: Task = strawberry.field(description="The task as it is now.")

    @classmethod
    def from_write(cls, written: WriteResult) -> Self:
        (row,) = written.rows
        return cls(revision=written.revision, task=Task.from_row(row))


@strawberry.type
class TasksPayload(Change):
    count: int = strawberry.field(description="How many tasks it is about.")
    tasks: list[Task] = strawberry.field(
        description="These tasks as they are now, newest first. Those that this has changed have "
        "the `revision` of this answer. "
        f"In a dry run by a filter: the first {DRY_RUN_ROWS} of them."
    )

    @classmethod
    def from_write(cls, written: WriteResult) -> Self:
        tasks = Task.from_rows(written.rows)
        return cls(revision=written.revision, count=written.number, tasks=tasks)


@strawberry.type(description="What `createTask` made, or had made before.")
class CreateTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `updateTask` left.")
class UpdateTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `completeTask` left.")
class CompleteTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `reopenTask` left.")
class ReopenTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `moveTask` left.")
class MoveTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `deleteTask` moved to the trash.")
class DeleteTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `restoreTask` brought back.")
class RestoreTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `purgeTask` removed.")
class PurgeTaskPayload(Change):
    task_id: ID = strawberry.field(description="The id of the task that is no more.")


@strawberry.type(description="What `createTasks` made, or had made before.")
class CreateTasksPayload(TasksPayload):
    tasks: list[Task] = strawberry.field(
        description="These tasks as they are now, in the order of the input."
    )


@strawberry.type(description="What `updateTasks` left.")
class UpdateTasksPayload(TasksPayload):
    pass


@strawberry.type(description="What `completeTasks` left.")
class CompleteTasksPayload(TasksPayload):
    pass


@strawberry.type(description="What `reopenTasks` left.")
class ReopenTasksPayload(TasksPayload):
    pass


@strawberry.type(description="What `deleteTasks` moved to the trash.")
class DeleteTasksPayload(TasksPayload):
    pass


@strawberry.type(description="What `restoreTasks` brought back.")
class RestoreTasksPayload(TasksPayload):
    pass


@strawberry.type(description="What `emptyTrash` removed.")
class EmptyTrashPayload(Change):
    count: int = strawberry.field(description="How many tasks are no more.")


@strawberry.type(description="What `deleteAccount` removed.")
class DeleteAccountPayload(Payload):
    user_id: ID = strawberry.field(description="Your id, under which there is nothing any more.")
